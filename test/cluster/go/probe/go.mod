module steward.test/cluster/probe

go 1.26.0
