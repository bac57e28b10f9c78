/** queue-maint: looks after the database. Each command has a file of its own in maint/. */
import { isSqlThread, runSqlThread } from '../maintenance/database/sql-thread.ts';
import { doDutiesOnSignals } from '../maintenance/interrupt.ts';
import { alert } from './maint/alert.ts';
import { analyze } from './maint/analyze.ts';
import { backup } from './maint/backup.ts';
import { checkpoint } from './maint/checkpoint.ts';
import { health } from './maint/health.ts';
import { integrity } from './maint/integrity.ts';
import { ledger } from './maint/ledger.ts';
import { list } from './maint/list.ts';
import { optimize } from './maint/optimize.ts';
import { prune } from './maint/prune.ts';
import { replay } from './maint/replay.ts';
import { restore } from './maint/restore.ts';
import { daily, hourly, weekly } from './maint/routines.ts';
import { schedule } from './maint/schedule.ts';
import { stats } from './maint/stats.ts';
import { vacuum } from './maint/vacuum.ts';
import { verify } from './maint/verify.ts';
import { listOf, runVerbs, type Verb } from './verb.ts';

const verbs: readonly Verb[] = [
  backup,
  verify,
  list,
  prune,
  restore,
  replay,
  ledger,
  checkpoint,
  vacuum,
  analyze,
  optimize,
  integrity,
  stats,
  health,
  alert,
  hourly,
  daily,
  weekly,
  schedule,
];

const help = `Usage: queue-maint COMMAND [OPTIONS]

Looks after the database of a queue, while hooks write and the worker applies. It is about HIVE_DB, or --db PATH.

${listOf(verbs)}

queue-maint COMMAND --help says more about each.

Exit codes: 0 done, all well; 1 not possible, or a warning; 2 usage, or (health, hourly, daily, weekly) critical;
3 restore, replay: done, but an entry failed.

Examples:
  queue-maint backup
  queue-maint health
  queue-maint restore .hive-mind/backups/queue_backup_hive_20260131_180000.db --until 2026-01-31T18:30:00Z
`;

if (isSqlThread()) runSqlThread();
else {
  doDutiesOnSignals();
  runVerbs('queue-maint', verbs, help);
}
