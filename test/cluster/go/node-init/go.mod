module steward.test/cluster/node-init

go 1.26.0
