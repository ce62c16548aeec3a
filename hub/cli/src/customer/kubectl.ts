import { spawn } from 'node:child_process';
import { CliError, usageError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { oneLine, type Terminal } from '../terminal/terminal.ts';

const maxOutputBytes = 32 * 1024 * 1024;

/** The customer's cluster, through their own kubectl: their context, their login, their rights. */
export interface Kubectl {
  /** @returns what it printed. @throws CliError with what it said when it fails */
  run(args: readonly string[], input?: string): Promise<string>;
}

/** @param context of the kubeconfig; absent: the current one */
export function kubectl(terminal: Terminal, context: string | undefined): Kubectl {
  const program = terminal.env['STEWARD_KUBECTL'] || 'kubectl';
  const prefix = context === undefined ? [] : ['--context', context];
  const run = (args: readonly string[], input = ''): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const child = spawn(program, [...prefix, ...args], {
      env: terminal.env,
      cwd: terminal.cwd,
      signal: terminal.signal,
    });
    const out: Buffer[] = [];
    let err = '';
    let bytes = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxOutputBytes) child.kill('SIGKILL');
      else out.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => (err = (err + chunk.toString('utf8')).slice(-4000)));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    // Not there, a folder, not executable: whatever it is, it is the name that was given.
    child.on('error', ({ message }) =>
      reject(usageError(`${program} cannot be run: ${message}`, 'Install kubectl, or name it by STEWARD_KUBECTL.')),
    );
    child.on('close', (code) => {
      if (code === 0 && bytes <= maxOutputBytes) resolve(Buffer.concat(out).toString('utf8'));
      else reject(kubectlError(args, err, code));
    });
    return promise;
  };
  return { run };
}

function kubectlError(args: readonly string[], said: string, code: number | null): CliError {
  // Its client logs each attempt before it says what is wrong.
  const lines = said.split('\n').filter((line) => !/^[EWI]\d{4} /.test(line));
  const text = oneLine(lines.join('\n').trim() || said.trim()) || `it ended with ${String(code)}`;
  const isAway = /connection refused|no such host|i\/o timeout|unable to connect|was refused/i.test(text);
  const isForbidden = /forbidden/i.test(text);
  const exitCode = isAway ? EXIT.unreachable : isForbidden ? EXIT.notAllowed : EXIT.failed;
  return new CliError(exitCode, `kubectl ${args[0] ?? ''}: ${text}`, {
    action: isAway ? 'Check the kubeconfig and context: kubectl cluster-info' : undefined,
  });
}
