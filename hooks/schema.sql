-- schema: hooks
--
-- The tables of the five hook scripts beside this file, and how they are filled. The worker applies each migration
-- once, in a transaction of its own. A migration that has been released is never edited: add another.
--
-- How a payload gets in. A hook inserts into the view hook_input, with its payload as one value; triggers take the
-- payload apart. So a script holds one short line of SQL, which costs it little to send; the rules are here, once
-- for all scripts, where they can have comments and can be tried by hand:
--
--   INSERT INTO hook_input(task, at, hook) VALUES ('event', unixepoch('now'), '{"hook_event_name":"Stop"}');
--
-- From view to view the values are computed once: hook_input -> hook_payload (is it JSON, whose is it, the session's
-- row) -> hook_task (one trigger a task) -> hook_agent (what a payload says about an agent).
--
-- Nothing is lost: what is no JSON object (or deeper than SQLite parses), or is no event for its task, is kept as text:
-- by tool-log.sh in events, by the others in session_logs. What is no UTF-8 is a dead letter.
--
-- Times are the hook's clock, not the worker's: ISO 8601 text, UTC, milliseconds: 2026-01-02T04:42:43.123Z. As text
-- they sort, compare with date('now') and go into julianday(). Durations are milliseconds.
--
-- The order in which entries are applied does not matter: by priority, a session's end may come before what happened
-- in it. Times are merged by min and max, counts by max; nothing relies on another row being there. Only instances
-- want a session's starts before the rest, hence their priority: what is applied before the start it belongs to
-- counts for the instance before that.

-- migration 1: Tables

-- A session as the agent names it. Resuming and compacting change neither start nor count.
CREATE TABLE sessions (
  session_id TEXT NOT NULL PRIMARY KEY,
  started_at TEXT NOT NULL,              -- of the first hook that was seen
  last_seen_at TEXT NOT NULL,
  latest_start_at TEXT,                  -- of the last SessionStart
  ended_at TEXT,                         -- of the last SessionEnd, unless a SessionStart followed
  end_reason TEXT,
  cwd TEXT,
  transcript_path TEXT,
  operations INTEGER NOT NULL DEFAULT 0, -- tool calls counted, as of checkpoint_at
  checkpoint_at TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_start ON sessions (started_at);

-- A stretch of a session in one process: from a SessionStart (startup, resume, clear; not compact) to the SessionEnd.
-- A session that is open in two windows has two of them; its payloads do not tell which window they are from, so
-- checkpoints count for the one that was started last, and a SessionEnd closes the last one that is open. One
-- without an end was killed, or is open still.
CREATE TABLE instances (
  session_id TEXT NOT NULL,
  started_at TEXT NOT NULL,
  source TEXT,                           -- startup, resume, clear; NULL: no SessionStart was seen
  ended_at TEXT,
  end_reason TEXT,
  checkpoint_at TEXT,
  operations_before INTEGER NOT NULL DEFAULT 0, -- the session's count when the instance began
  operations_after INTEGER NOT NULL DEFAULT 0,  -- and at its last checkpoint
  operations INTEGER GENERATED ALWAYS AS (max(operations_after - operations_before, 0)) VIRTUAL,
  PRIMARY KEY (session_id, started_at)
) STRICT, WITHOUT ROWID;

-- A subagent: one row for the tool call that started it and the run itself. The call is known by tool_use_id, the run
-- by agent_id, and only the call's PostToolUse has both. Until then they are two rows. A call that fails never names
-- its agent: if one ran, the two stay apart, for with several agents of a type any pairing would be a guess.
CREATE TABLE agents (
  agent_row INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL,
  tool_use_id TEXT,
  agent_id TEXT,
  parent_agent_id TEXT,                  -- the agent that made the call; NULL: the session itself
  agent_type TEXT,
  description TEXT,
  model TEXT,
  background INTEGER,                    -- 1: the call returned before the agent was done
  started_at TEXT,
  ended_at TEXT,
  reported_ms INTEGER,                   -- the agent's own figure
  tokens INTEGER,
  tool_uses INTEGER,
  transcript_path TEXT,
  error TEXT,
  status TEXT GENERATED ALWAYS AS (
    CASE WHEN error IS NOT NULL THEN 'failed' WHEN ended_at IS NOT NULL THEN 'completed' ELSE 'running' END
  ) VIRTUAL,
  duration_ms INTEGER GENERATED ALWAYS AS (
    coalesce(reported_ms, CAST(round((julianday(ended_at) - julianday(started_at)) * 86400000) AS INTEGER))
  ) VIRTUAL,
  UNIQUE (session_id, tool_use_id),
  UNIQUE (session_id, agent_id)
) STRICT;
CREATE INDEX agents_by_start ON agents (session_id, started_at);

-- What happened: tool calls, prompts, compactions, notifications.
CREATE TABLE events (
  event_id INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  session_id TEXT,
  event TEXT NOT NULL,                   -- as the agent names it; 'unnamed' without a name, 'unparsed' when it is no JSON
  tool TEXT,
  tool_use_id TEXT,
  agent_id TEXT,                         -- the subagent in which it happened
  prompt_id TEXT,
  duration_ms INTEGER,
  ok INTEGER,                            -- 1: the call succeeded, 0: it failed; NULL: no finished tool call
  error TEXT,
  detail TEXT,                           -- the file, command, pattern or text it was about; 200 characters
  payload TEXT NOT NULL,                 -- cut at QUEUE_EVENT_BYTES (65536), between characters, with a mark
  payload_bytes INTEGER NOT NULL         -- before it was cut
) STRICT;
CREATE INDEX events_by_session ON events (session_id, at);
CREATE INDEX events_by_time ON events (at);
CREATE INDEX events_by_tool ON events (tool, at);
CREATE INDEX events_by_name ON events (event, at);
CREATE INDEX events_by_duration ON events (duration_ms) WHERE duration_ms IS NOT NULL;
CREATE INDEX events_failed ON events (at) WHERE ok = 0;

-- A session's count of operations at a time. Hooks that find a checkpoint due at once write the same `due`.
CREATE TABLE checkpoints (
  checkpoint_id INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL,
  at TEXT NOT NULL,
  kind TEXT NOT NULL,                    -- auto, Stop, SessionEnd
  due INTEGER,                           -- second of the clock, of automatic ones
  operations INTEGER NOT NULL,
  UNIQUE (session_id, kind, due)
) STRICT;
CREATE INDEX checkpoints_by_session ON checkpoints (session_id, at);

-- A session's diary: starts, ends, checkpoints, and payloads that were no use elsewhere.
CREATE TABLE session_logs (
  log_id INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  session_id TEXT,
  kind TEXT NOT NULL,                    -- start, end, checkpoint; unparsed, unexpected, uncounted
  message TEXT,
  payload TEXT                           -- of the last three kinds; cut at 65536 bytes
) STRICT;
CREATE INDEX session_logs_by_session ON session_logs (session_id, at);

-- migration 2: What hooks insert into

-- task: event, start, agent, checkpoint, instance, log, final. at: seconds since 1970. hook: the payload. session: the
-- session_id as the script read it, operations: that session's count, due: see checkpoints, bytes: where to cut.
CREATE VIEW hook_input (task, at, hook, session, operations, due, bytes) AS
  SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL WHERE false;

-- doc: the payload, if it is a JSON object, else NULL: of which every path is NULL. Past this view nothing raises.
CREATE VIEW hook_payload (task, at, hook, doc, session, operations, due, bytes) AS
  SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL WHERE false;

CREATE TRIGGER hook_input INSTEAD OF INSERT ON hook_input BEGIN
  INSERT INTO hook_payload (task, at, hook, doc, session, operations, due, bytes)
  SELECT
    NEW.task,
    coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', CAST(NEW.at AS REAL), 'unixepoch'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    NEW.hook,
    CASE WHEN json_valid(NEW.hook) THEN CASE WHEN json_type(NEW.hook) = 'object' THEN NEW.hook END END,
    nullif(NEW.session, ''),
    CASE WHEN NEW.operations GLOB '[0-9]*' THEN CAST(NEW.operations AS INTEGER) END,
    CASE WHEN NEW.due GLOB '[0-9]*' THEN CAST(NEW.due AS INTEGER) END,
    CASE WHEN CAST(NEW.bytes AS INTEGER) > 0 THEN CAST(NEW.bytes AS INTEGER) ELSE 65536 END;
END;

-- operations is NULL here when the script took another session's count: it can find a key of a nested object.
CREATE VIEW hook_task (task, at, doc, event, session_id, operations, due, payload, payload_bytes) AS
  SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL WHERE false;

CREATE TRIGGER hook_payload INSTEAD OF INSERT ON hook_payload BEGIN
  INSERT INTO sessions (session_id, started_at, last_seen_at, cwd, transcript_path)
  SELECT session_id, NEW.at, NEW.at, NEW.doc ->> '$.cwd', NEW.doc ->> '$.transcript_path'
  FROM (SELECT nullif(NEW.doc ->> '$.session_id', '') AS session_id)
  WHERE session_id IS NOT NULL
  ON CONFLICT (session_id) DO UPDATE SET
    started_at = min(started_at, excluded.started_at),
    last_seen_at = max(last_seen_at, excluded.last_seen_at),
    cwd = coalesce(cwd, excluded.cwd),
    transcript_path = coalesce(transcript_path, excluded.transcript_path);

  -- A byte of 80 to BF continues a character: it is not to be the first that is left out.
  INSERT INTO hook_task (task, at, doc, event, session_id, operations, due, payload, payload_bytes)
  SELECT
    NEW.task,
    NEW.at,
    NEW.doc,
    nullif(NEW.doc ->> '$.hook_event_name', ''),
    coalesce(nullif(NEW.doc ->> '$.session_id', ''), NEW.session),
    CASE WHEN coalesce(nullif(NEW.doc ->> '$.session_id', ''), NEW.session) = NEW.session THEN NEW.operations END,
    NEW.due,
    CASE WHEN octet_length(NEW.hook) > NEW.bytes THEN
      CAST(substr(CAST(NEW.hook AS BLOB), 1,
        CASE
          WHEN hex(substr(CAST(NEW.hook AS BLOB), NEW.bytes + 1, 1)) NOT BETWEEN '80' AND 'BF' THEN NEW.bytes
          WHEN hex(substr(CAST(NEW.hook AS BLOB), NEW.bytes, 1)) NOT BETWEEN '80' AND 'BF' THEN NEW.bytes - 1
          WHEN hex(substr(CAST(NEW.hook AS BLOB), NEW.bytes - 1, 1)) NOT BETWEEN '80' AND 'BF' THEN NEW.bytes - 2
          ELSE NEW.bytes - 3
        END) AS TEXT)
      || ' [cut: ' || octet_length(NEW.hook) || ' bytes]'
    ELSE NEW.hook END,
    octet_length(NEW.hook);
END;

CREATE TRIGGER hook_task_event INSTEAD OF INSERT ON hook_task WHEN NEW.task = 'event' BEGIN
  INSERT INTO events (at, session_id, event, tool, tool_use_id, agent_id, prompt_id, duration_ms, ok, error, detail,
    payload, payload_bytes)
  SELECT
    NEW.at,
    NEW.session_id,
    coalesce(NEW.event, CASE WHEN NEW.doc IS NULL THEN 'unparsed' ELSE 'unnamed' END),
    NEW.doc ->> '$.tool_name',
    NEW.doc ->> '$.tool_use_id',
    NEW.doc ->> '$.agent_id',
    NEW.doc ->> '$.prompt_id',
    CASE WHEN json_type(NEW.doc, '$.duration_ms') IN ('integer', 'real')
      THEN CAST(NEW.doc ->> '$.duration_ms' AS INTEGER) END,
    CASE NEW.event WHEN 'PostToolUse' THEN 1 WHEN 'PostToolUseFailure' THEN 0 END,
    substr(NEW.doc ->> '$.error', 1, 4000),
    substr(coalesce(NEW.doc ->> '$.tool_input.file_path', NEW.doc ->> '$.tool_input.command',
      NEW.doc ->> '$.tool_input.pattern', NEW.doc ->> '$.tool_input.url', NEW.doc ->> '$.tool_input.query',
      NEW.doc ->> '$.tool_input.description', NEW.doc ->> '$.prompt', NEW.doc ->> '$.message',
      NEW.doc ->> '$.trigger'), 1, 200),
    coalesce(NEW.payload, ''),
    coalesce(NEW.payload_bytes, 0);
END;

CREATE TRIGGER hook_task_start INSTEAD OF INSERT ON hook_task
WHEN NEW.task = 'start' AND NEW.event = 'SessionStart' AND NEW.session_id IS NOT NULL BEGIN
  UPDATE sessions SET
    latest_start_at = max(coalesce(latest_start_at, ''), NEW.at),
    end_reason = CASE WHEN ended_at >= NEW.at THEN end_reason END,
    ended_at = CASE WHEN ended_at >= NEW.at THEN ended_at END
  WHERE session_id = NEW.session_id;

  -- A row that a checkpoint had to make, because it was applied first, gets its start.
  UPDATE instances SET started_at = NEW.at, source = NEW.doc ->> '$.source',
    operations_before = coalesce(NEW.operations, 0)
  WHERE session_id = NEW.session_id AND source IS NULL AND started_at > NEW.at
    AND coalesce(NEW.doc ->> '$.source', '') <> 'compact'
    AND started_at = (SELECT min(started_at) FROM instances
      WHERE session_id = NEW.session_id AND started_at >= NEW.at);

  INSERT INTO instances (session_id, started_at, source, operations_before)
  SELECT NEW.session_id, NEW.at, coalesce(NEW.doc ->> '$.source', 'unnamed'), coalesce(NEW.operations, 0)
  WHERE coalesce(NEW.doc ->> '$.source', '') <> 'compact'
  ON CONFLICT (session_id, started_at) DO UPDATE SET
    operations_before = CASE WHEN source IS NULL THEN excluded.operations_before ELSE operations_before END,
    source = coalesce(source, excluded.source);

  INSERT INTO session_logs (at, session_id, kind, message)
  VALUES (NEW.at, NEW.session_id, 'start', coalesce(NEW.doc ->> '$.source', 'unnamed'));
END;

CREATE TRIGGER hook_task_checkpoint INSTEAD OF INSERT ON hook_task
WHEN NEW.task = 'checkpoint' AND NEW.session_id IS NOT NULL AND NEW.operations IS NOT NULL BEGIN
  INSERT INTO sessions (session_id, started_at, last_seen_at, operations, checkpoint_at)
  VALUES (NEW.session_id, NEW.at, NEW.at, NEW.operations, NEW.at)
  ON CONFLICT (session_id) DO UPDATE SET
    operations = max(operations, excluded.operations),
    checkpoint_at = max(coalesce(checkpoint_at, ''), excluded.checkpoint_at);

  INSERT INTO checkpoints (session_id, at, kind, due, operations)
  VALUES (NEW.session_id, NEW.at, 'auto', NEW.due, NEW.operations)
  ON CONFLICT (session_id, kind, due) DO UPDATE SET
    at = max(at, excluded.at),
    operations = max(operations, excluded.operations);
END;

-- Of a session that is known: see hook_task about the wrong one.
CREATE TRIGGER hook_task_instance INSTEAD OF INSERT ON hook_task
WHEN NEW.task = 'instance' AND NEW.session_id IS NOT NULL BEGIN
  -- Without a SessionStart an instance begins with the first sign of it.
  UPDATE instances SET started_at = NEW.at
  WHERE session_id = NEW.session_id AND source IS NULL AND started_at =
      (SELECT min(started_at) FROM instances WHERE session_id = NEW.session_id)
    AND started_at > NEW.at;
  INSERT INTO instances (session_id, started_at)
  SELECT NEW.session_id, NEW.at
  WHERE EXISTS (SELECT 1 FROM sessions WHERE session_id = NEW.session_id)
    AND NOT EXISTS (SELECT 1 FROM instances WHERE session_id = NEW.session_id AND started_at <= NEW.at);

  UPDATE instances SET
    operations_after = max(operations_after, NEW.operations),
    checkpoint_at = max(coalesce(checkpoint_at, ''), NEW.at)
  WHERE session_id = NEW.session_id AND NEW.operations IS NOT NULL AND started_at =
    (SELECT max(started_at) FROM instances WHERE session_id = NEW.session_id AND started_at <= NEW.at);
END;

CREATE TRIGGER hook_task_log INSTEAD OF INSERT ON hook_task WHEN NEW.task = 'log' AND NEW.payload IS NULL BEGIN
  INSERT INTO session_logs (at, session_id, kind, message)
  VALUES (NEW.at, NEW.session_id, 'checkpoint', NEW.operations || ' operations');
END;

CREATE TRIGGER hook_task_final INSTEAD OF INSERT ON hook_task
WHEN NEW.task = 'final' AND NEW.event IN ('Stop', 'SessionEnd') AND NEW.session_id IS NOT NULL BEGIN
  INSERT INTO hook_task (task, at, session_id, operations)
  VALUES ('instance', NEW.at, NEW.session_id, NEW.operations);

  INSERT INTO checkpoints (session_id, at, kind, operations)
  SELECT NEW.session_id, NEW.at, NEW.event, NEW.operations WHERE NEW.operations IS NOT NULL;

  UPDATE sessions SET
    operations = max(operations, NEW.operations),
    checkpoint_at = max(coalesce(checkpoint_at, ''), NEW.at)
  WHERE session_id = NEW.session_id AND NEW.operations IS NOT NULL;

  -- A SessionStart after it, applied already, has reopened the session.
  UPDATE sessions SET ended_at = NEW.at, end_reason = NEW.doc ->> '$.reason'
  WHERE session_id = NEW.session_id AND NEW.event = 'SessionEnd'
    AND coalesce(latest_start_at, '') <= NEW.at AND coalesce(ended_at, '') <= NEW.at;

  UPDATE instances SET ended_at = NEW.at, end_reason = NEW.doc ->> '$.reason'
  WHERE session_id = NEW.session_id AND NEW.event = 'SessionEnd' AND started_at =
    (SELECT max(started_at) FROM instances
      WHERE session_id = NEW.session_id AND started_at <= NEW.at AND ended_at IS NULL);

  INSERT INTO session_logs (at, session_id, kind, message)
  SELECT NEW.at, NEW.session_id, 'end', NEW.doc ->> '$.reason' WHERE NEW.event = 'SessionEnd';
END;

-- Only `event` has a table for what can't be read.
CREATE TRIGGER hook_task_unparsed INSTEAD OF INSERT ON hook_task
WHEN NEW.doc IS NULL AND NEW.payload IS NOT NULL AND NEW.task <> 'event' BEGIN
  INSERT INTO session_logs (at, session_id, kind, message, payload)
  VALUES (NEW.at, NEW.session_id, 'unparsed', NEW.task, NEW.payload);
END;

-- What a task has no use for. `log` with a payload is of a call whose session no count could be kept for.
CREATE TRIGGER hook_task_unexpected INSTEAD OF INSERT ON hook_task
WHEN NEW.doc IS NOT NULL AND (
  NEW.task NOT IN ('event', 'start', 'agent', 'checkpoint', 'log', 'final')
  OR NEW.task IN ('start', 'agent', 'final') AND NEW.session_id IS NULL
  OR NEW.task = 'start' AND NEW.event IS NOT 'SessionStart'
  OR NEW.task = 'final' AND coalesce(NEW.event, '') NOT IN ('Stop', 'SessionEnd')
  OR NEW.task = 'checkpoint' AND NEW.operations IS NULL
  OR NEW.task = 'log'
) BEGIN
  INSERT INTO session_logs (at, session_id, kind, message, payload)
  VALUES (NEW.at, NEW.session_id, CASE WHEN NEW.task IN ('log', 'checkpoint') THEN 'uncounted' ELSE 'unexpected' END,
    NEW.task || ': ' || coalesce(NEW.event, 'unnamed'), NEW.payload);
END;

-- migration 3: Agents

-- One event's share of an agent's row. surely: agent_type and model are what ran, not what was asked for.
CREATE VIEW hook_agent (at, session_id, tool_use_id, agent_id, parent_agent_id, surely, agent_type, description, model,
  background, started_at, ended_at, reported_ms, tokens, tool_uses, transcript_path, error, payload, what) AS
  SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  WHERE false;

-- In a tool call's payload agent_id names the agent that makes the call, not the one that is called. A call that starts
-- an agent in the background returns at once, with a status such as async_launched: that is not the end.
CREATE TRIGGER hook_task_agent INSTEAD OF INSERT ON hook_task
WHEN NEW.task = 'agent' AND NEW.doc IS NOT NULL AND NEW.session_id IS NOT NULL BEGIN
  INSERT INTO hook_agent
  SELECT NEW.at, NEW.session_id, NULL, nullif(NEW.doc ->> '$.agent_id', ''), NULL, 1, NEW.doc ->> '$.agent_type', NULL,
    NULL, NULL, CASE NEW.event WHEN 'SubagentStart' THEN NEW.at END, CASE NEW.event WHEN 'SubagentStop' THEN NEW.at END,
    NULL, NULL, NULL, NEW.doc ->> '$.agent_transcript_path', NULL, NEW.payload, NEW.event
  WHERE NEW.event IN ('SubagentStart', 'SubagentStop');

  INSERT INTO hook_agent
  SELECT NEW.at, NEW.session_id, nullif(NEW.doc ->> '$.tool_use_id', ''), nullif(agent_id, ''),
    NEW.doc ->> '$.agent_id', agent_id IS NOT NULL,
    coalesce(NEW.doc ->> '$.tool_response.agentType', NEW.doc ->> '$.tool_input.subagent_type'),
    NEW.doc ->> '$.tool_input.description',
    coalesce(NEW.doc ->> '$.tool_response.resolvedModel', NEW.doc ->> '$.tool_input.model'),
    background, strftime('%Y-%m-%dT%H:%M:%fZ', NEW.at, printf('-%.3f seconds', coalesce(took, 0) / 1000.0)),
    CASE WHEN is_end THEN NEW.at END, CASE WHEN is_end THEN coalesce(total, took) END,
    CASE WHEN json_type(NEW.doc, '$.tool_response.totalTokens') IN ('integer', 'real')
      THEN CAST(NEW.doc ->> '$.tool_response.totalTokens' AS INTEGER) END,
    CASE WHEN json_type(NEW.doc, '$.tool_response.totalToolUseCount') IN ('integer', 'real')
      THEN CAST(NEW.doc ->> '$.tool_response.totalToolUseCount' AS INTEGER) END,
    NULL,
    CASE NEW.event WHEN 'PostToolUseFailure' THEN substr(coalesce(NEW.doc ->> '$.error', 'failed'), 1, 4000) END,
    NEW.payload, NEW.event
  FROM (
    SELECT agent_id, took, total, asked OR status LIKE '%launched' OR status LIKE '%spawned' AS background,
      CASE NEW.event
        WHEN 'PostToolUseFailure' THEN true
        WHEN 'PostToolUse' THEN status NOT LIKE '%launched' AND status NOT LIKE '%spawned' AND NOT (asked AND status = '')
        ELSE false
      END AS is_end
    FROM (
      SELECT
        NEW.doc ->> '$.tool_response.agentId' AS agent_id,
        coalesce(NEW.doc ->> '$.tool_response.status', '') AS status,
        coalesce(json_type(NEW.doc, '$.tool_input.run_in_background') = 'true', false) AS asked,
        CASE WHEN json_type(NEW.doc, '$.duration_ms') IN ('integer', 'real')
          THEN CAST(NEW.doc ->> '$.duration_ms' AS INTEGER) END AS took,
        CASE WHEN json_type(NEW.doc, '$.tool_response.totalDurationMs') IN ('integer', 'real')
          THEN CAST(NEW.doc ->> '$.tool_response.totalDurationMs' AS INTEGER) END AS total
    )
  )
  WHERE NEW.event IN ('PreToolUse', 'PostToolUse', 'PostToolUseFailure')
    AND NEW.doc ->> '$.tool_name' IN ('Task', 'Agent');

  INSERT INTO session_logs (at, session_id, kind, message, payload)
  SELECT NEW.at, NEW.session_id, 'unexpected', 'agent: ' || coalesce(NEW.event, 'unnamed'), NEW.payload
  WHERE coalesce(NEW.event, '') NOT IN ('SubagentStart', 'SubagentStop')
    AND NOT (coalesce(NEW.event, '') IN ('PreToolUse', 'PostToolUse', 'PostToolUseFailure')
      AND coalesce(NEW.doc ->> '$.tool_name', '') IN ('Task', 'Agent'));
END;

CREATE TRIGGER hook_agent_unexpected INSTEAD OF INSERT ON hook_agent
WHEN NEW.tool_use_id IS NULL AND NEW.agent_id IS NULL BEGIN
  INSERT INTO session_logs (at, session_id, kind, message, payload)
  VALUES (NEW.at, NEW.session_id, 'unexpected', 'agent: ' || NEW.what || ' without an id', NEW.payload);
END;

CREATE TRIGGER hook_agent INSTEAD OF INSERT ON hook_agent
WHEN NEW.tool_use_id IS NOT NULL OR NEW.agent_id IS NOT NULL BEGIN
  -- An event with both ids makes one row of two: the call's takes over what the run's knows ...
  UPDATE agents SET
    started_at = min(coalesce(agents.started_at, run.started_at), coalesce(run.started_at, agents.started_at)),
    ended_at = max(coalesce(agents.ended_at, run.ended_at), coalesce(run.ended_at, agents.ended_at)),
    agent_type = coalesce(run.agent_type, agents.agent_type),
    transcript_path = coalesce(run.transcript_path, agents.transcript_path)
  FROM agents AS run
  WHERE agents.session_id = NEW.session_id AND agents.tool_use_id = NEW.tool_use_id AND agents.agent_id IS NULL
    AND run.session_id = NEW.session_id AND run.agent_id = NEW.agent_id AND run.tool_use_id IS NULL;
  DELETE FROM agents
  WHERE session_id = NEW.session_id AND agent_id = NEW.agent_id AND tool_use_id IS NULL AND EXISTS
    (SELECT 1 FROM agents AS call WHERE call.session_id = NEW.session_id AND call.tool_use_id = NEW.tool_use_id
      AND call.agent_id IS NULL);
  -- ... or the one that is there gets the other id. A second call of one agent stays a row of its own.
  UPDATE agents SET agent_id = NEW.agent_id
  WHERE session_id = NEW.session_id AND tool_use_id = NEW.tool_use_id AND agent_id IS NULL AND NOT EXISTS
    (SELECT 1 FROM agents AS run WHERE run.session_id = NEW.session_id AND run.agent_id = NEW.agent_id);
  UPDATE agents SET tool_use_id = NEW.tool_use_id
  WHERE session_id = NEW.session_id AND agent_id = NEW.agent_id AND tool_use_id IS NULL AND NOT EXISTS
    (SELECT 1 FROM agents AS call WHERE call.session_id = NEW.session_id AND call.tool_use_id = NEW.tool_use_id);

  INSERT INTO agents (session_id, tool_use_id, agent_id)
  SELECT NEW.session_id, NEW.tool_use_id, CASE WHEN NOT EXISTS
    (SELECT 1 FROM agents WHERE session_id = NEW.session_id AND agent_id = NEW.agent_id) THEN NEW.agent_id END
  WHERE NOT EXISTS (SELECT 1 FROM agents WHERE session_id = NEW.session_id
    AND (tool_use_id = NEW.tool_use_id OR NEW.tool_use_id IS NULL AND agent_id = NEW.agent_id));

  UPDATE agents SET
    parent_agent_id = coalesce(parent_agent_id, NEW.parent_agent_id),
    agent_type = CASE WHEN NEW.surely THEN coalesce(NEW.agent_type, agent_type) ELSE coalesce(agent_type, NEW.agent_type) END,
    description = coalesce(description, NEW.description),
    model = CASE WHEN NEW.surely THEN coalesce(NEW.model, model) ELSE coalesce(model, NEW.model) END,
    background = max(coalesce(background, NEW.background), coalesce(NEW.background, background)),
    started_at = min(coalesce(started_at, NEW.started_at), coalesce(NEW.started_at, started_at)),
    ended_at = max(coalesce(ended_at, NEW.ended_at), coalesce(NEW.ended_at, ended_at)),
    reported_ms = coalesce(NEW.reported_ms, reported_ms),
    tokens = coalesce(NEW.tokens, tokens),
    tool_uses = coalesce(NEW.tool_uses, tool_uses),
    transcript_path = coalesce(NEW.transcript_path, transcript_path),
    error = coalesce(NEW.error, error)
  WHERE session_id = NEW.session_id
    AND (tool_use_id = NEW.tool_use_id OR NEW.tool_use_id IS NULL AND agent_id = NEW.agent_id);
END;

-- migration 4: Views

CREATE VIEW session_summary AS
  SELECT
    session_id,
    started_at,
    ended_at,
    round((julianday(coalesce(ended_at, last_seen_at)) - julianday(started_at)) * 1440, 1) AS minutes,
    (SELECT count(*) FROM instances AS i WHERE i.session_id = s.session_id) AS instances,
    (SELECT count(*) FROM events AS e WHERE e.session_id = s.session_id AND e.event = 'UserPromptSubmit') AS prompts,
    (SELECT count(*) FROM events AS e WHERE e.session_id = s.session_id AND e.ok IS NOT NULL) AS tool_calls,
    (SELECT count(*) FROM events AS e WHERE e.session_id = s.session_id AND e.ok = 0) AS failures,
    (SELECT count(*) FROM agents AS a WHERE a.session_id = s.session_id) AS agents,
    (SELECT sum(tokens) FROM agents AS a WHERE a.session_id = s.session_id) AS agent_tokens,
    operations,
    cwd
  FROM sessions AS s
  ORDER BY started_at;

CREATE VIEW tool_usage AS
  SELECT
    tool,
    count(*) AS calls,
    sum(ok = 0) AS failures,
    round(100.0 * sum(ok = 0) / count(*), 1) AS failed_percent,
    CAST(round(avg(duration_ms)) AS INTEGER) AS average_ms,
    max(duration_ms) AS longest_ms,
    sum(duration_ms) AS total_ms,
    count(DISTINCT session_id) AS sessions,
    max(at) AS last_at
  FROM events
  WHERE ok IS NOT NULL
  GROUP BY tool
  ORDER BY calls DESC, tool;

CREATE VIEW agent_timeline AS
  SELECT
    session_id,
    started_at,
    ended_at,
    duration_ms,
    status,
    agent_type,
    description,
    model,
    tokens,
    tool_uses,
    background,
    -- Of the same session, and running at the moment this one began.
    (SELECT count(*) FROM agents AS o WHERE o.session_id = a.session_id AND o.agent_row <> a.agent_row
      AND o.started_at <= a.started_at AND (o.ended_at IS NULL OR o.ended_at > a.started_at)) AS beside
  FROM agents AS a
  ORDER BY coalesce(started_at, ended_at);

CREATE VIEW slowest_tools AS
  SELECT duration_ms, tool, ok, detail, at, session_id, event_id
  FROM events
  WHERE duration_ms IS NOT NULL
  ORDER BY duration_ms DESC;
