/**
 * The notes of restores and replays say of every line of the journal whether the database has it: random histories of
 * writes, backups, restores and replays, against sets of what a database would hold.
 */
import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { addNote, isPart, type LineKey, type Note, readNotes } from '../lib/maintenance/backups/history.ts';
import type { Position } from '../lib/spool/journal-read.ts';
import { ensureSpool, spoolAt } from '../lib/spool/layout.ts';
import { project } from './support/project.ts';

type Step =
  | { kind: 'write'; count: number }
  | { kind: 'backup' }
  | { kind: 'restore'; backup: number; until: number | undefined; except: number }
  | { kind: 'replay'; from: number; until: number; except: number; only: boolean };

const at = (offset: number): Position => ({ file: 1, offset });
/** Line n begins at n and ends at n + 1; every other one is of operation `even`. */
const line = (n: number): LineKey => ({
  start: at(n),
  name: `${n}`,
  operation: n % 2 === 0 ? 'even' : 'odd',
});

/** A spool, its database, and what the database was like after each line. */
class Model {
  database = new Set<number>();
  end = 0;
  readonly notes: Note[] = [];
  readonly backups: { rows: Set<number>; position: number; notes: number }[] = [];
  /** What the database had right after line n - 1. */
  readonly after = new Map<number, Set<number>>([[0, new Set()]]);
  beforeLastRestore: Set<number> | undefined;

  take(step: Step): void {
    if (step.kind === 'write') for (let i = 0; i < step.count; i++) this.write();
    else if (step.kind === 'backup')
      this.backups.push({ rows: new Set(this.database), position: this.end, notes: this.notes.length });
    else if (step.kind === 'restore') this.restore(step);
    else this.replay(step);
  }

  write(): void {
    this.database.add(this.end);
    this.end += 1;
    this.after.set(this.end, new Set(this.database));
  }

  restore({ backup, until, except }: Extract<Step, { kind: 'restore' }>): void {
    const chosen = this.backups[backup % Math.max(1, this.backups.length)];
    if (!chosen) return;
    const from = chosen.position;
    const stop =
      until === undefined || this.end === from ? undefined : from + 1 + (until % (this.end - from));
    const had = stop === undefined ? this.database : (this.after.get(stop) as Set<number>);
    const leftOut = `${from + except}`;
    const seen =
      stop === undefined ? this.notes.length : this.notes.filter(({ end }) => end.offset < stop).length;
    this.beforeLastRestore = new Set(this.database);
    const taken = [...had].filter((n) => n >= from && n < (stop ?? this.end) && `${n}` !== leftOut);
    this.database = new Set([...chosen.rows, ...taken]);
    this.notes.push(
      note({
        kind: 'restore',
        from,
        until: stop ?? this.end,
        end: this.end,
        except: [leftOut],
        seen,
        seenByBackup: chosen.notes,
      }),
    );
  }

  replay({ from, until, except, only }: Extract<Step, { kind: 'replay' }>): void {
    const lastRestore = this.notes.findLastIndex(({ kind }) => kind === 'restore');
    const since = this.notes[lastRestore]?.end.offset ?? 0;
    const had = (n: number): boolean => n >= since || this.beforeLastRestore?.has(n) === true;
    const start = Math.min(from, this.end);
    const stop = Math.min(start + until, this.end);
    for (let n = start; n < stop; n++) {
      if (n !== except && had(n) && (!only || n % 2 === 0)) this.database.add(n);
    }
    const seen = lastRestore === -1 ? this.notes.length : lastRestore;
    this.notes.push(
      note({
        kind: 'replay',
        from: start,
        until: stop,
        end: this.end,
        except: [`${except}`],
        seen,
        seenByBackup: 0,
        ...(only ? { only: 'even' } : {}),
      }),
    );
  }
}

function note(
  given: Omit<Note, 'at' | 'from' | 'until' | 'end'> & Record<'from' | 'until' | 'end', number>,
): Note {
  const places = { from: at(given.from), until: at(given.until), end: at(given.end) };
  return { at: '', ...given, ...places };
}

const small = fc.nat({ max: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('write' as const), count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'backup' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('restore' as const),
      backup: small,
      until: fc.option(small, { nil: undefined }),
      except: small,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('replay' as const),
      from: small,
      until: small,
      except: small,
      only: fc.boolean(),
    }),
  },
);

test('after any history the notes tell what the database has', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const model = new Model();
      for (const each of steps) {
        model.take(each);
        const told = Array.from({ length: model.end }, (_, n) => n).filter((n) =>
          isPart(line(n), model.notes),
        );
        assert.deepEqual(
          told,
          [...model.database].sort((a, b) => a - b),
        );
      }
    }),
    { numRuns: 2000 },
  );
});

test('a restore that was killed before it was confirmed counts, after later ones too', (t) => {
  const { dir } = project(t);
  const db = join(dir, 'x.db');
  const spool = spoolAt(join(dir, 'spool'));
  ensureSpool(spool);
  writeFileSync(db, 'the first');
  const begin = (n: number): string => {
    const temporary = `${db}.restore-${n}`;
    writeFileSync(temporary, `restored by ${n}`);
    const common = { kind: 'restore', at: '', except: [], seen: 0, seenByBackup: 0 } as const;
    addNote(spool, db, { ...common, from: at(n), until: at(n), end: at(n), temporary });
    return temporary;
  };
  const counting = (): number[] => readNotes(spool, db).map(({ from }) => from.offset);
  renameSync(begin(1), db);
  begin(2);
  assert.deepEqual(counting(), [1]);
  renameSync(begin(3), db);
  assert.deepEqual(counting(), [1, 3]);
});
