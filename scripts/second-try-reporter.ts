import type { TestCase, Reporter } from 'vitest/node';

/** Ends the run with the tests that passed only when tried again: each is a defect, of the test or of what it tests. */
export class SecondTryReporter implements Reporter {
  readonly #late: TestCase[] = [];

  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky) this.#late.push(test);
  }

  onTestRunEnd(): void {
    if (this.#late.length === 0) return;
    const lines = this.#late.map((test) => {
      const reasons = test.result().errors?.map(({ message }) => `      ${message.split('\n')[0]}\n`) ?? [];
      return `  ${test.module.relativeModuleId} > ${test.fullName}\n${reasons.join('')}`;
    });
    process.stderr.write(`\nPassed only at the second try; mend these:\n${lines.join('')}\n`);
  }
}
