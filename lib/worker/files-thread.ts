/**
 * A second pair of hands for a large backlog: a thread that reads the next entries while the main thread applies
 * these, and unlinks the ones that are settled. Reading and unlinking cost as much as applying.
 *
 * It changes no promise. Read ahead is only a cache: which entry comes next is decided when it is taken, and what
 * is not in the cache is read then. Names being unlinked stay in the manifest until that is done, so a crash finds
 * them there, in the ledger and in the journal. Small queues never start the thread.
 */
import { isMainThread, parentPort, Worker as Thread, workerData } from 'node:worker_threads';
import { messageOf } from '../errors.ts';
import { executablePath } from '../package.ts';
import { decodeEntry, isFinished } from '../spool/entry.ts';
import type { Spool } from '../spool/layout.ts';
import { unlinkIfThere } from '../spool/publish.ts';
import { readEntryFile } from '../spool/read.ts';

/** What is leaving must fit in the journal's tail, where recovery looks for it. */
const MAX_LEAVING = 1000;

interface ThreadData {
  readonly role: 'files';
  readonly pending: string;
}

interface Order {
  readonly read?: readonly string[];
  readonly unlink?: readonly string[];
}

interface Report {
  /** Entries that could be read; the others are left to the main thread, which says what is wrong with them. */
  readonly texts?: readonly (readonly [name: string, text: string])[];
  readonly unlinked?: readonly string[];
  readonly error?: string;
}

export class FilesThread {
  readonly #thread: Thread;
  readonly #texts = new Map<string, string>();
  /** Asked for and not taken yet. */
  readonly #asked = new Set<string>();
  /** Settled names that may still stand in pending/. */
  readonly leaving = new Set<string>();
  #error: string | undefined;
  #onReport: () => void = () => {};

  /** @param onGone called for each name that has left pending/. */
  constructor(spool: Spool, onGone: (name: string) => void) {
    const data: ThreadData = { role: 'files', pending: spool.pending };
    this.#thread = new Thread(executablePath('threads.cjs'), { workerData: data });
    this.#thread.on('error', (error) => {
      this.#error = messageOf(error);
      this.#onReport();
    });
    this.#thread.on('message', ({ texts = [], unlinked = [], error }: Report) => {
      this.#error ??= error;
      for (const [name, text] of texts) if (this.#asked.has(name)) this.#texts.set(name, text);
      for (const name of unlinked) {
        this.leaving.delete(name);
        onGone(name);
      }
      this.#onReport();
    });
  }

  /** Reads these ahead; those that are here or asked for already are not read again. */
  readAhead(names: readonly string[]): void {
    const fresh = names.filter((name) => !this.#asked.has(name));
    for (const name of fresh) this.#asked.add(name);
    if (fresh.length > 0) this.#thread.postMessage({ read: fresh } satisfies Order);
  }

  /** The text of an entry if it has been read ahead; it is handed out once. */
  take(name: string): string | undefined {
    const text = this.#texts.get(name);
    this.#asked.delete(name);
    this.#texts.delete(name);
    return text;
  }

  /** True when it has so much to unlink that the main thread is the quicker one. */
  get isBehind(): boolean {
    return this.leaving.size > MAX_LEAVING;
  }

  /** Unlinks settled entries; until that is done they are in `leaving`. */
  unlink(names: readonly string[]): void {
    for (const name of names) this.leaving.add(name);
    this.#thread.postMessage({ unlink: names } satisfies Order);
  }

  /** Resolves when the thread has done some more of what it was asked, or has died. Only while something is asked. */
  report(): Promise<void> {
    return new Promise((done) => {
      this.#onReport = done;
    });
  }

  /** @throws Error when the thread could not unlink or has died: recovery then finds what is left. */
  check(): void {
    if (this.#error !== undefined) throw new Error(this.#error);
  }

  async end(): Promise<void> {
    await this.#thread.terminate();
  }
}

/** True in this thread; dist/threads.cjs then calls `runFilesThread`. */
export function isFilesThread(): boolean {
  return !isMainThread && (workerData as Partial<ThreadData> | null)?.role === 'files';
}

export function runFilesThread(): void {
  const { pending } = workerData as ThreadData;
  parentPort?.on('message', ({ read = [], unlink = [] }: Order) => {
    const texts = read.flatMap((name): [string, string][] => {
      const text = textOf(`${pending}/${name}`);
      return text === undefined ? [] : [[name, text]];
    });
    const report: Report = { texts, ...removeAll(pending, unlink) };
    parentPort?.postMessage(report);
  });
}

function textOf(path: string): string | undefined {
  try {
    const read = readEntryFile(path);
    return read.kind === 'bytes' && isFinished(read.bytes) ? decodeEntry(read.bytes) : undefined;
  } catch {
    return undefined;
  }
}

function removeAll(pending: string, names: readonly string[]): Report {
  const unlinked: string[] = [];
  try {
    for (const name of names) {
      unlinkIfThere(`${pending}/${name}`);
      unlinked.push(name);
    }
    return { unlinked };
  } catch (error) {
    return { unlinked, error: messageOf(error) };
  }
}
