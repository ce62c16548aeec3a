/** Where something is held up on its way: before the n-th is let through, or when it has taken effect and nobody was told. */
export interface Stop {
  /** Without it each one is held up, until it was the one. */
  number?: number;
  /** Only those whose words contain this count. */
  of?: string;
  side: 'before' | 'after';
  /** What happens there. Nothing moves until it has. @returns false when this was not the one after all */
  act: (words: string) => Promise<boolean>;
  /** Whether it is lost in there: the request with the side `before`, the answer with `after`. */
  loses: boolean;
}

/** What becomes of one request: `isLost` before it is sent, and then what is to be done when it was answered. */
export interface Passage {
  isLost: boolean;
  /** @returns whether the answer is lost */
  answered: () => Promise<boolean>;
}

const FREE: Passage = { isLost: false, answered: () => Promise.resolve(false) };

/** Counts what passes on a connection between two programs, and holds up one of it. */
export class Gate {
  /** What passed since it was armed, in words. */
  passed: string[] = [];
  #stop: Stop | undefined;

  /** Counts from one again. Without a stop it only counts. */
  arm(stop?: Stop): void {
    this.passed = [];
    this.#stop = stop;
  }

  /** The next one has come. */
  async pass(words: string): Promise<Passage> {
    this.passed.push(words);
    const stop = this.#stop;
    if (!stop || !this.#isAt(stop, words)) return FREE;
    const isLost = async (): Promise<boolean> => {
      if (this.#stop !== stop) return false;
      if (stop.number !== undefined) this.#stop = undefined;
      if (!(await stop.act(words))) return false;
      if (this.#stop === stop) this.#stop = undefined;
      return stop.loses;
    };
    if (stop.side === 'before') return { ...FREE, isLost: await isLost() };
    return { isLost: false, answered: isLost };
  }

  #isAt({ number, of = '' }: Stop, words: string): boolean {
    if (!words.includes(of)) return false;
    return number === undefined || number === this.passed.filter((each) => each.includes(of)).length;
  }
}
