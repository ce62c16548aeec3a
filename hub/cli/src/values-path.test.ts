import { describe, expect, it } from 'vitest';
import { mergeValues, parseSetting, typedLike, valueAt, withoutValue, withValue } from './values-path.ts';

describe('settings', () => {
  it.each([
    ['a=1', 1],
    ['a=-3', -3],
    ['a=true', true],
    ['a=null', null],
    ['a=2.10', '2.10'],
    ['a=007', '007'],
    ['a="1"', '1'],
    ['a=[1, x]', [1, 'x']],
    ['a={b: 1}', { b: 1 }],
    ['a=b=c', 'b=c'],
    ['a=', ''],
    ['a=9999999999999999', '9999999999999999'],
  ])('%s', (text, value) => {
    expect(parseSetting(text)).toEqual({ path: 'a', value });
  });

  it.each(['a', '=1', 'a..b=1', 'a b=1'])('refuses %j', (text) => {
    expect(() => parseSetting(text)).toThrow('is not PATH=VALUE');
  });

  it('take the type of what they replace', () => {
    expect(typedLike(15, '15', '2.14')).toBe('15');
    expect(typedLike('0.5', '0.5', 1)).toBe(0.5);
    expect(typedLike('x', 'x', 1)).toBe('x');
    expect(typedLike(5, '5', undefined)).toBe(5);
  });
});

describe('values', () => {
  it('are set and taken away along a path, without touching the others', () => {
    const values = { a: { b: 1, c: 2 }, d: 3 };
    expect(withValue(values, 'a.b', 9)).toEqual({ a: { b: 9, c: 2 }, d: 3 });
    expect(withValue(values, 'x.y', 1)).toEqual({ ...values, x: { y: 1 } });
    expect(withoutValue(values, 'a.b')).toEqual({ a: { c: 2 }, d: 3 });
    expect(withoutValue({ a: { b: 1 } }, 'a.b')).toEqual({});
    expect(withoutValue(values, 'x.y')).toEqual(values);
    expect(values).toEqual({ a: { b: 1, c: 2 }, d: 3 });
  });

  it('are laid over each other as in Helm: maps merge, lists are replaced', () => {
    expect(mergeValues({ a: { b: 1, l: [1, 2] } }, { a: { l: [3], n: 1 } })).toEqual({ a: { b: 1, l: [3], n: 1 } });
  });

  it('never reach what an object only inherits', () => {
    expect(valueAt({}, 'constructor.name')).toBeUndefined();
    expect(Object.getPrototypeOf(withValue({}, '__proto__.polluted', true))).toBe(Object.prototype);
  });
});
