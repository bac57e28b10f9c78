/** queue-job: many writes as one job. Each command has a file of its own in job/. */
import { doDutiesOnSignals } from '../maintenance/interrupt.ts';
import { cancel } from './job/cancel.ts';
import { create } from './job/create.ts';
import { remove } from './job/delete.ts';
import { exportVerb } from './job/export.ts';
import { history } from './job/history.ts';
import { importVerb } from './job/import.ts';
import { list } from './job/list.ts';
import { pause, resume } from './job/pause.ts';
import { results } from './job/results.ts';
import { retry } from './job/retry.ts';
import { sealVerb } from './job/seal.ts';
import { show } from './job/show.ts';
import { stats } from './job/stats.ts';
import { templates } from './job/templates.ts';
import { wait } from './job/wait.ts';
import { listOf, runVerbs, type Verb } from './verb.ts';

const verbs: readonly Verb[] = [
  create,
  templates,
  sealVerb,
  list,
  show,
  wait,
  results,
  retry,
  cancel,
  remove,
  exportVerb,
  importVerb,
  history,
  stats,
  pause,
  resume,
];

const help = `Usage: queue-job COMMAND [OPTIONS]

Many writes as one job: its progress, its results, an end to wait for. Entries join a job with queue-write --job ID.

${listOf(verbs)}

queue-job COMMAND --help says more about each.

Exit codes: 0 done; 1 not possible, or there is no such job; 2 usage; 3 wait: the job failed or was cancelled;
4 not yet: wait ran out, or entries of a cancelled job are still in the worker's hand.

Examples:
  id=$(queue-job create --name import --total 2)
  queue-write --job "$id" "INSERT INTO log(t) VALUES('a')"
  queue-write --job "$id" "INSERT INTO log(t) VALUES('b')"
  queue-job wait "$id" && queue-job results "$id"
`;

doDutiesOnSignals();
runVerbs('queue-job', verbs, help);
