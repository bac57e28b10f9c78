/** How restore and replay tell what they have applied. */
import type { ReplayReport } from '../../maintenance/backups/replay.ts';
import { table } from '../../terminal/table.ts';
import { countOf, printable } from '../../terminal/text.ts';

const MOST_FAILURES = 20;

export function replayLines(
  { applied, duplicates, skipped, failed, planned }: ReplayReport,
  dryRun: boolean,
): string[] {
  const rest = `${duplicates} were there already, ${skipped} left out`;
  if (dryRun) {
    const rows = planned.map(({ name, operation, appliedAt }) => [name, printable(operation), appliedAt]);
    return [
      ...(rows.length === 0 ? [] : table(['entry', 'operation', 'applied'], rows, 'lll')),
      `${countOf(planned.length, 'entry', 'entries')} would be applied; ${rest}`,
    ];
  }
  return [
    `replayed ${applied} from the journal; ${rest}`,
    ...failed
      .slice(0, MOST_FAILURES)
      .map(({ name, error }) => `failed ${name}: ${error.code}: ${printable(error.message)}`),
    ...(failed.length > MOST_FAILURES ? [`... and ${failed.length - MOST_FAILURES} more failed`] : []),
  ];
}
