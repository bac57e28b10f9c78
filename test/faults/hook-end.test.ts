/**
 * A hook that has returned is over: whatever is done to its process group, its session and its pipes then, the worker
 * that it started lives on and applies the entry; and nobody who waits for the hook's output waits for the worker.
 * Whichever way the hook writes.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FULL, faultRun } from '../support/faults.ts';
import { workersBelow } from '../support/holders.ts';
import { DIST, type Project, project, QUEUE_LIB, ROOT, waitFor, workerPid } from '../support/project.ts';
import { ended, isAlive, withLog } from '../support/queue.ts';

const skip = !existsSync('/proc/self/fd') && 'needs /proc';
const SQL = "INSERT INTO log(t) VALUES('written')";

/** Commands of a hook, each of which makes one row in the database of its project. */
const HOOKS: Record<string, { command: string; input?: string; table: string }> = {
  'the bash library': { command: `. "${QUEUE_LIB}"; queue_db_write "${SQL}"`, table: 'log' },
  'dist/queue-write': { command: `"${join(DIST, 'queue-write')}" "${SQL}"`, table: 'log' },
  'the Node half of dist/queue-write': {
    command: `"${process.execPath}" "${join(DIST, 'queue-write')}" "${SQL}"`,
    table: 'log',
  },
  'enqueue()': {
    command: `"${process.execPath}" --input-type=module -e 'import { enqueue } from "${join(DIST, 'index.mjs')}"; enqueue({ sql: process.argv[1] })' "${SQL}"`,
    table: 'log',
  },
  ...Object.fromEntries(
    [
      ['session-start', 'SessionStart.startup', 'sessions'],
      ['task-agent-tracker', 'SubagentStart', 'agents'],
      ['auto-checkpoint', 'PostToolUse.Write', 'checkpoints'],
      ['tool-log', 'PostToolUse.Bash', 'events'],
      ['session-checkpoint', 'Stop', 'sessions'],
    ].map(([name, payload, table]) => [
      `hooks/${name}.sh`,
      {
        command: `"${join(ROOT, 'hooks', `${name}.sh`)}"`,
        input: readFileSync(join(ROOT, 'test', 'fixtures', 'hook-payloads', `${payload}.json`), 'utf8'),
        table: table as string,
      },
    ]),
  ),
};

async function applied(self: Project, table: string): Promise<void> {
  await waitFor(`a row in ${table}`, () => {
    try {
      return self.rows(`SELECT * FROM ${table}`).length > 0;
    } catch {
      return false; // the database, or the table, is still to come
    }
  });
}

/** Pids of the session `sid`, and of the process group of that number. */
function membersOf(sid: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        const [, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return Number(group) === sid || Number(session) === sid;
      } catch {
        return false;
      }
    });
}

/** Runs the command as the leader of a session, and kills all that is left of it at the moment it has returned. */
async function runAndKill(self: Project, command: string, input = ''): Promise<number> {
  const child = spawn('sh', ['-c', command], {
    cwd: self.dir,
    env: self.env,
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const pid = child.pid as number;
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const code = await new Promise((done) => child.on('exit', done));
  let kills = 0;
  const kill = (victim: number): void => {
    try {
      process.kill(victim, 'SIGKILL');
      kills += 1;
    } catch {
      // It has ended, as it should.
    }
  };
  kill(-pid);
  for (const member of membersOf(pid)) kill(member);
  assert.equal(code, 0);
  return kills;
}

for (const [name, { command, input, table }] of Object.entries(HOOKS)) {
  test(`${name}: the worker outlives the hook's process group and session`, { skip }, async (t) => {
    await faultRun(t, async ({ count }) => {
      for (let round = 0; round < (FULL ? 20 : 1); round++) {
        const self = project(t);
        withLog(self);
        await runAndKill(self, bashOf(command), input);
        await applied(self, table);
        assert.equal(workersBelow(self.dir).length, 1);
        count({ entries: 1, kills: 1 });
      }
    });
  });

  test(`${name}: nobody who reads the hook's output waits for the worker, which has nothing of the hook's`, {
    skip,
  }, async (t) => {
    const self = project(t);
    withLog(self);
    writeFileSync(join(self.dir, 'held'), '');
    const held = `exec 7<"${self.dir}/held" 9<>"${self.dir}/held" 42<"${self.dir}/held" 200<"${self.dir}/held"`;
    const script = `${held}; ( ${command} ) 2>&1 | cat`;
    // The worker stays for a minute, and `run` returns when all have closed what it reads.
    const result = await self.run('bash', ['-c', script], { input: input ?? '' });
    assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', '']);
    await applied(self, table);
    const pid = workerPid(self) as number;
    assert.ok(isAlive(pid));
    const targets = readdirSync(`/proc/${pid}/fd`).map((fd) => targetOf(pid, fd));
    assert.deepEqual(
      targets.filter((target) => target.endsWith('/held')),
      [],
    );
    for (const fd of ['0', '1', '2']) {
      const target = targetOf(pid, fd);
      assert.ok(target === '/dev/null' || target.endsWith('/worker.log'), `${fd} is ${target}`);
    }
    process.kill(pid, 'SIGTERM');
    await ended(pid);
  });
}

function bashOf(command: string): string {
  return `exec bash -c '${command.replaceAll("'", "'\\''")}'`;
}

function targetOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}
