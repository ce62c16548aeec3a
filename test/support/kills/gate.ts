/** Where something is held up on its way: before the n-th is let through, or when it has taken effect and nobody was told. */
export interface Stop {
  number: number;
  /** Only those whose words contain this count. */
  of?: string;
  side: 'before' | 'after';
  /** What happens there. Nothing moves until it has. */
  act: () => Promise<void>;
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
    const counted = this.passed.filter((each) => each.includes(stop?.of ?? '')).length;
    if (stop?.number !== counted || !words.includes(stop.of ?? '')) return FREE;
    this.#stop = undefined;
    if (stop.side === 'before') {
      await stop.act();
      return { ...FREE, isLost: stop.loses };
    }
    const answered = async (): Promise<boolean> => {
      await stop.act();
      return stop.loses;
    };
    return { isLost: false, answered };
  }
}
