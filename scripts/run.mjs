// First step of every `npm` command. Runs on whatever Node the shell has: installs what the lock file names,
// finds the Node 24 that the repo pins, and hands the task over to it.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [task, ...rest] = process.argv.slice(2);

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function install() {
  const marker = join(root, 'node_modules', '.steward-install');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return;
  process.stderr.write('installing packages (npm, by the lock file) …\n');
  // Not `npm ci`: it refuses a lock made where the registry mirrors only some platforms' optional binaries.
  const result = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (result.status !== 0)
    fail('npm install failed: see above. Without a network, run this once where the npm registry answers.');
  writeFileSync(marker, wanted);
}

function pinnedNode() {
  const binary = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (!existsSync(binary)) {
    fail(
      `no pinned Node 24 for ${process.platform}-${process.arch}: Steward is developed on linux-x64 and linux-arm64.`,
    );
  }
  return binary;
}

install();
const node = pinnedNode();
const child = spawn(node, [join(root, 'scripts', 'tasks.ts'), task ?? '', ...rest], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    PATH: `${dirname(node)}:${join(root, 'node_modules', '.bin')}:${process.env.PATH}`,
  },
});
// A terminal's Ctrl-C reaches the task itself; this only waits until it has tidied up, so that the prompt comes after that.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => fail(error.message));
child.on('close', (code) => process.exit(code ?? 1));
