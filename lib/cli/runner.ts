/** The edge of every executable: arguments in, exit code out; the only place that prints errors and exits. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { codeOf, EXIT, messageOf, QueueError } from '../errors.ts';

export interface Command {
  /** The executable's name. */
  readonly name: string;
  /** The whole --help text, examples included; of one with commands of its own, that of the command in `args`. */
  readonly help: string | ((args: readonly string[]) => string);
  /** @returns the exit code. */
  run(args: string[]): Promise<number> | number;
}

/** Runs the command with the process's arguments and leaves with its exit code. */
export async function runCommand(command: Command, args = process.argv.slice(2)): Promise<void> {
  leaveQuietlyOnBrokenPipe();
  ownWhatWeMake();
  try {
    if (wantsHelp(args)) process.stdout.write(helpOf(command, args));
    process.exitCode = wantsHelp(args) ? EXIT.ok : await command.run(args);
  } catch (error) {
    process.exitCode = report(command.name, error);
  }
}

/** A umask that takes the user's own rights away would leave files that we could not read again. */
function ownWhatWeMake(): void {
  const mask = process.umask();
  if (mask & 0o700) process.umask(mask & 0o077);
}

type Options = NonNullable<ParseArgsConfig['options']>;

/**
 * node:util's parseArgs, strict, positionals allowed.
 * @throws QueueError USAGE instead of its TypeErrors.
 */
export function parse<T extends Options>(args: string[], options: T) {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (error) {
    // Its advice on arguments that begin with a dash is longer than what it has to say.
    const [message = ''] = messageOf(error).split(/\. (?=To specify)/);
    throw new QueueError('USAGE', message, { hint: '--help lists the options.', cause: error });
  }
}

/** A usage error. */
export function usage(message: string, hint = '--help shows how to call it.'): QueueError {
  return new QueueError('USAGE', message, { hint });
}

/** @throws QueueError USAGE when there are any. */
export function refuseArguments(positionals: readonly string[]): void {
  if (positionals.length > 0) throw usage(`there are arguments too many: ${positionals.join(' ')}`);
}

/**
 * A number given on the command line.
 * @throws QueueError USAGE naming the option.
 */
export function numberOption(name: string, text: string, range: { min: number; max: number }): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= range.min && value <= range.max) return value;
  throw usage(`${name} is '${text}': it must be a number from ${range.min} to ${range.max}`);
}

function helpOf({ help }: Command, args: readonly string[]): string {
  return typeof help === 'string' ? help : help(args);
}

function wantsHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end === -1 ? args : args.slice(0, end)).some((arg) => arg === '--help' || arg === '-h');
}

function report(name: string, error: unknown): number {
  const hint = error instanceof QueueError && error.hint ? `\n  ${error.hint}` : '';
  const detail = error instanceof QueueError ? error.message : unexpected(error);
  process.stderr.write(`${name}: ${detail}${hint}\n`);
  return error instanceof QueueError ? error.exitCode : EXIT.failure;
}

/** Not one of ours: the stack is what a report of it needs, but what the system says of a file says enough. */
function unexpected(error: unknown): string {
  if (error instanceof Error && 'syscall' in error && codeOf(error) !== undefined) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** `queue-status | head` is no error. */
function leaveQuietlyOnBrokenPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failure);
  });
}
