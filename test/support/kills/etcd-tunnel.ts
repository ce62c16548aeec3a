// Runs inside the cluster's network: takes connections on a socket in the file system, and hands them to etcd's port.
import { connect, createServer } from 'node:net';

const [path = ''] = process.argv.slice(2);
createServer((client) => {
  const etcd = connect(2379, '127.0.0.1');
  client.on('error', () => etcd.destroy()).pipe(etcd);
  etcd.on('error', () => client.destroy()).pipe(client);
}).listen(path, () => process.stdout.write('ready\n'));
// Ends with whoever started it.
process.stdin.on('end', () => process.exit(0)).resume();
