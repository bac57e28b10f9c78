/**
 * Cuts SQL text into statements, as SQLite itself would.
 *
 * The tokens are those of SQLite's tokenizer: strings '..', names "..", `..` and [..], comments, parameters,
 * words; bytes of 0x80 and up belong to words. A semicolon ends a statement, except inside CREATE TRIGGER, where
 * only `; END ;` does: the state machine documented for sqlite3_complete(), which needs no notion of CASE. An
 * unterminated string or comment reaches to the end of the text; SQLite is left to complain about it.
 */
export interface Statement {
    /** The statement from its first token to its semicolon, comments in between included. */
    readonly text: string;
    /** Its offset in the text that was cut. */
    readonly at: number;
    /** Its first token, in upper case. */
    readonly word: string;
    readonly params: readonly Param[];
}
export interface Param {
    /** As written: `?`, `?12`, `:name`, `@name`, `$name` or `#name`. */
    readonly name: string;
    /** Offset in `text`. */
    readonly at: number;
}
/** The statements of a text, in order; none for a text of comments and semicolons only. */
export declare function splitStatements(sql: string): Statement[];
/** The tokens of a statement that are neither space nor comment, as written; at most `limit` of them. */
export declare function tokensOf(text: string, limit?: number): string[];
/** A name or string token without its quotes; any other token as it is. */
export declare function unquote(token: string): string;
