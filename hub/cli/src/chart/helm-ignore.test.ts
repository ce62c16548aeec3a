import { describe, expect, it } from 'vitest';
import { helmIgnore } from './helm-ignore.ts';

describe('.helmignore', () => {
  it.each([
    ['*.md', 'docs/README.md', true],
    ['*.md', 'docs/readme.txt', false],
    ['/README.md', 'README.md', true],
    ['/README.md', 'docs/README.md', false],
    ['docs/*.md', 'docs/a.md', true],
    ['docs/*.md', 'docs/deep/a.md', false],
    ['file[0-9].txt', 'file7.txt', true],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['a+b', 'a+b', true],
    ['', 'templates/.hidden', true],
    ['', 'templates/shown', false],
    ['# *.md', 'a.md', false],
  ])('%j says %s: %s', (line, path, isIgnored) => {
    expect(helmIgnore(line)(path, false)).toBe(isIgnored);
  });

  it('leaves a file alone that is named as an ignored folder', () => {
    const rule = helmIgnore('ci/');
    expect(rule('ci', true)).toBe(true);
    expect(rule('ci', false)).toBe(false);
  });

  it("follows Helm's negation: what the rule does not name is left out", () => {
    const rule = helmIgnore('!keep.txt');
    expect(rule('keep.txt', false)).toBe(false);
    expect(rule('other.txt', false)).toBe(true);
  });
});
