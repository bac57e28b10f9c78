/** Executables with commands of their own, such as queue-maint: each command is a `Verb` in a file of its own. */
import { runCommand, usage } from './runner.ts';

/** One command of an executable. */
export interface Verb {
  readonly name: string;
  /** What it does, for the list of all. */
  readonly summary: string;
  /** The whole --help text, examples included. */
  readonly help: string;
  /** @returns the exit code. */
  run(args: string[]): Promise<number> | number;
}

/** The commands for --help, one a line. */
export function listOf(verbs: readonly Verb[]): string {
  return verbs.map(({ name, summary }) => `  ${name.padEnd(12)} ${summary}`).join('\n');
}

/** Runs the command that the process's arguments name. */
export function runVerbs(name: string, verbs: readonly Verb[], help: string): void {
  const verbOf = (word: string | undefined): Verb | undefined => verbs.find((verb) => verb.name === word);
  void runCommand({
    name,
    help: (args) => verbOf(args[0])?.help ?? help,
    run([word, ...args]) {
      const verb = verbOf(word);
      if (!verb) throw usage(word === undefined ? 'say what to do' : `there is no command '${word}'`);
      return verb.run(args);
    },
  });
}
