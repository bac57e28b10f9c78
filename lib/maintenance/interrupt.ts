/** What must be put right before Ctrl-C or a plain kill ends the process: the terminal, a queue that is held. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const duties = new Set<() => void>();
let isExecutable = false;

/** For executables: from now on duties are done. What a signal does to a program that uses the API is its own affair. */
export function doDutiesOnSignals(): void {
  isExecutable = true;
}

/**
 * Has `duty` done when a signal comes; then the process ends by that signal, whatever its threads are at.
 * @returns takes the duty back.
 */
export function onInterrupt(duty: () => void): () => void {
  if (isExecutable && duties.size === 0) for (const signal of SIGNALS) process.on(signal, leave);
  duties.add(duty);
  return () => {
    duties.delete(duty);
    if (duties.size === 0) forget();
  };
}

function leave(signal: NodeJS.Signals): void {
  forget();
  for (const duty of duties) {
    try {
      duty();
    } catch {
      // The others are done all the same, and the signal is obeyed.
    }
  }
  // Libraries listen too (signal-exit), and leave as soon as they are the only ones.
  process.kill(process.pid, signal);
  // Another thread may be the one to be told, and this one is not to go on meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}

function forget(): void {
  for (const signal of SIGNALS) process.off(signal, leave);
}
