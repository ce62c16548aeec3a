import { spawn } from 'node:child_process';

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  cwd?: string;
  env?: Record<string, string>;
  input?: string;
  /** After this the command is killed and the promise rejects. */
  timeoutMs?: number;
}

/** Runs a program to its end and keeps what it printed. A non-zero exit is an answer, not an error. */
export function command(program: string, args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  const { promise, resolve, reject } = Promise.withResolvers<Finished>();
  const child = spawn(program, args, { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: 'pipe' });
  const printed = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed.stderr += text));
  const timeoutMs = options.timeoutMs ?? 120_000;
  const timer = setTimeout(() => {
    child.kill('SIGKILL');
    reject(
      new Error(`${program} ${args.join(' ')} did not end within ${timeoutMs} ms\n${printed.stdout}${printed.stderr}`),
    );
  }, timeoutMs);
  child.on('error', reject);
  child.on('close', (code) => {
    clearTimeout(timer);
    resolve({ code: code ?? 1, ...printed });
  });
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  return promise;
}

/** Like {@link command}; rejects with what was printed unless the program exits with 0. Answers its standard output. */
export async function mustSucceed(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await command(program, args, options);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`);
  return stdout;
}
