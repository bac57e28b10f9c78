/** A PostgreSQL server for one test file. */
import { after } from 'node:test';
import { type Server, startServer } from './postgres-server.ts';

export { noPostgres, type Server } from './postgres-server.ts';

/** Starts a server and ends it after the file's tests: to be called at the top of the file. */
export async function postgresServer(settings: readonly string[] = []): Promise<Server> {
  const server = await startServer(settings);
  after(() => server.end());
  return server;
}
