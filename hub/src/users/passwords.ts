import { hash, verify } from '@node-rs/argon2';
import { Injectable } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { ProblemError } from '../http/problem.ts';

const MAX_RUNNING = 2;
const MAX_WAITING = 40;

/** Argon2id with the library's defaults (19 MiB, two passes), a few at a time: each takes memory and a thread for tens of milliseconds. */
@Injectable()
export class Passwords {
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #decoy: Promise<string> | undefined;

  hash(password: string): Promise<string> {
    return this.#inTurn(() => hash(password));
  }

  /** Without a stored hash it takes as long and answers no, so that the time does not tell whether there is such a user. */
  async verify(stored: string | undefined, password: string): Promise<boolean> {
    this.#decoy ??= this.hash(randomBytes(16).toString('hex'));
    const against = stored ?? (await this.#decoy);
    const isRight = await this.#inTurn(() => verify(against, password));
    return isRight && stored !== undefined;
  }

  /** A password of 120 random bits that can be read out. */
  generate(): string {
    const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789AB';
    const text = [...randomBytes(24)].map((byte) => alphabet[byte & 31]).join('');
    return text.replace(/(.{6})(?=.)/g, '$1-');
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= MAX_RUNNING) {
      if (this.#waiting.length >= MAX_WAITING)
        throw new ProblemError('too-many-requests', 'too many people log in at this moment', {
          action: 'try again in a few seconds',
          retryAfterSeconds: 5,
        });
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }
}
