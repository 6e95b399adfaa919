import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStrictJson } from './strict-json.ts';

const outcome = (read: () => unknown): { value: unknown } | Error => {
  try {
    return { value: read() };
  } catch (error) {
    return error as Error;
  }
};

describe('parseStrictJson', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        expect(parseStrictJson(text, 8)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('accepts nothing that JSON.parse refuses, whatever the text', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom(...'{}[]",:\\ 01eu\n', 'true', '"a"') }),
      fc.json().map((json) => json.slice(1)),
    );
    fc.assert(
      fc.property(text, (json) => {
        const [strict, plain] = [outcome(() => parseStrictJson(json, 8)), outcome(() => JSON.parse(json))];
        if (plain instanceof Error) expect(strict).toBeInstanceOf(Error);
        else if (!(strict instanceof Error)) expect(strict).toEqual(plain);
        else expect(strict.message).toMatch(/^(nested deeper than 8|the key .* appears twice)/s);
      }),
      { numRuns: 2000 },
    );
  });

  it('says what is wrong in one line that does nothing to a terminal', () => {
    const { message } = outcome(() => parseStrictJson('{"a": "b\u001b[2J",\n "c": x}', 8)) as Error;
    expect(message).toMatch(/^[^\p{Cc}]+$/u);
  });

  it('refuses a key given twice in one object, however it is written', () => {
    expect(() => parseStrictJson('{"a":1,"\\u0061":2}', 3)).toThrow('the key "a" appears twice (at character 7)');
    expect(parseStrictJson('[{"a":1},{"a":2}]', 3)).toEqual([{ a: 1 }, { a: 2 }]);
  });

  it('refuses nesting that would exhaust the stack, at once', () => {
    for (const bracket of ['[', '{"a":'])
      expect(() => parseStrictJson(bracket.repeat(1_000_000), 32)).toThrow('nested deeper than 32');
  });
});
