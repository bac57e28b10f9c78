/** Payloads as agents send them: the JSON of a PostToolUse event, one line, made long by a file's contents. */

const SOURCE = [
  'export function add(items: readonly Item[]): number {\n',
  '\t// Cents, "not" euros: don\'t round twice.\n',
  '  const path = "C:\\\\shop\\\\" + items.length;\n',
  '  return items.reduce((sum, { cents }) => sum + cents, 0);\n}\n',
];

/** A payload of about `bytes` bytes. */
export function payload(bytes: number): string {
  const event = (stdout: string): string =>
    `${JSON.stringify({
      session_id: '7c1f9e02-3d84-4b6a-9f57-20c8e6a41b93',
      transcript_path: '/home/sam/.claude/projects/shop/7c1f9e02.jsonl',
      cwd: '/home/sam/shop',
      hook_event_name: 'PostToolUse',
      tool_name: 'Bash',
      tool_input: { command: 'cat src/sum.ts', description: 'Read it' },
      tool_response: { stdout, stderr: '', interrupted: false },
      tool_use_id: 'toolu_sample01',
      duration_ms: 38,
    })}\n`;
  let text = '';
  for (let line = 0; event(text).length < bytes; line++) {
    const missing = bytes - event(text).length;
    text += missing > 2000 ? SOURCE.join('').repeat(Math.floor(missing / 400)) : SOURCE[line % SOURCE.length];
  }
  return event(text);
}
