/** The ways to write an entry, each as a command that inserts a text into `log` (see withLog) and exits 0 when it is in. */
import { join } from 'node:path';
import { DIST, QUEUE_LIB, ROOT } from './project.ts';

/** The text is what stands before the first space. */
const SQL = "INSERT INTO log(t) VALUES(substr(:v, 1, instr(:v, ' ') - 1))";
const LONG = 'x'.repeat(600);
const API = `const { enqueue } = await import(process.argv[1]);
enqueue({ sql: process.argv[2], params: { v: process.argv[3] } });
process.stdout.on('error', () => {}).write('acknowledged');`;
const LIBRARY = `. "$1"; queue_db_write "$2" op 5 '{}' "v=$3" || exit; echo acknowledged; exit 0`;
const WRITE = join(DIST, 'queue-write');

/** Those that do something after the write say on stdout, too, that it is acknowledged: they may be killed then. */
export const PRODUCERS = {
  'enqueue()': (text) => [process.execPath, '-e', API, join(ROOT, 'dist', 'index.mjs'), SQL, `${text} `],
  "queue-write's Node half, durable": (text) => [
    ...[process.execPath, WRITE, '--durable', '--param', `v=${text} `],
    SQL,
  ],
  "queue-write's bash half": (text) => [WRITE, '--param', `v=${text} `, SQL],
  'the bash library, with a value in a file': (text) => [
    ...['bash', '-c', LIBRARY, 'test', QUEUE_LIB, SQL],
    `${text} ${LONG}`,
  ],
} satisfies Record<string, (text: string) => readonly string[]>;

export type ProducerName = keyof typeof PRODUCERS;
export const PRODUCER_NAMES = Object.keys(PRODUCERS) as ProducerName[];
