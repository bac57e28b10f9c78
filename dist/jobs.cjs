if(parseInt(process.versions.node,10)<22){process.stderr.write("hookspool needs Node 22 or later; this is "+process.versions.node+" ("+process.execPath+"). Upgrade it, or name another in QUEUE_NODE.\n");process.exit(1)}var __url=require("url").pathToFileURL(__filename).href;"use strict";var ae=Object.create;var O=Object.defineProperty;var ue=Object.getOwnPropertyDescriptor;var de=Object.getOwnPropertyNames;var ce=Object.getPrototypeOf,fe=Object.prototype.hasOwnProperty;var le=(e,t)=>{for(var n in t)O(e,n,{get:t[n],enumerable:!0})},P=(e,t,n,r)=>{if(t&&typeof t=="object"||typeof t=="function")for(let o of de(t))!fe.call(e,o)&&o!==n&&O(e,o,{get:()=>t[o],enumerable:!(r=ue(t,o))||r.enumerable});return e};var B=(e,t,n)=>(n=e!=null?ae(ce(e)):{},P(t||!e||!e.__esModule?O(n,"default",{value:e,enumerable:!0}):n,e)),Ee=e=>P(O({},"__esModule",{value:!0}),e);var Be={};le(Be,{placeInJob:()=>ve});module.exports=Ee(Be);var D={ok:0,failure:1,usage:2,entryFailed:3,notYet:4},i=class extends Error{name="QueueError";code;hint;constructor(t,n,r={}){super(n,r.cause===void 0?void 0:{cause:r.cause}),this.code=t,this.hint=r.hint}get exitCode(){return this.code==="USAGE"||this.code==="CONFIG"?D.usage:this.code==="ENTRY_FAILED"?D.entryFailed:D.failure}};function u(e){return e instanceof Error?e.message:String(e)}function f(e){if(!(typeof e!="object"||e===null||!("code"in e)))return typeof e.code=="string"?e.code:void 0}var p=require("fs"),Y=require("path");var k=require("fs"),M=require("module");var h=class extends i{reason;duringEntry;inDoubt;constructor(t,n,r,o={}){let s=o.hint??pe(n);super("DATABASE",`database ${t} can't be used: ${r} (${n})`,{...s===void 0?{}:{hint:s},cause:o.cause}),this.reason=n,this.duringEntry=o.duringEntry??!1,this.inDoubt=o.inDoubt??!1}};function pe(e){var n;let t=((n=/^SQLITE_([A-Z]+)/.exec(e))==null?void 0:n[1])??"";return me[t]}var me={BUSY:"Another connection holds the write lock; the queue goes on when it lets go.",LOCKED:"Another connection holds the write lock; the queue goes on when it lets go.",CANTOPEN:"Check that the file and its directory exist and that this user may write there.",READONLY:"Give this user write permission on the file and on its directory.",PERM:"Give this user write permission on the file and on its directory.",FULL:"Free some space on the disk.",NOTADB:"Put the right file back, or name another one in HIVE_DB.",CORRUPT:"Restore a backup, or save what can be saved with sqlite3's .recover command."};var w;function J(e){if(w)return w;if(Number.parseInt(process.versions.node,10)<22)throw new h(e,"NO_DRIVER",`Node ${process.versions.node} is too old`,{hint:"Run with Node 22 or later."});try{w=(0,M.createRequire)(__url)("better-sqlite3")}catch(t){throw new h(e,"NO_DRIVER",`better-sqlite3 can't be loaded: ${u(t)}`,{hint:"Install hookspool again with npm.",cause:t})}return w}function W(e){var t;try{return((t=(0,k.statSync)(`${e}-journal`,{throwIfNoEntry:!1}))==null?void 0:t.isFIFO())??!1}catch{return!1}}var y=require("fs"),U=require("path");var R=384,q=448;function H(e){return[e.values,e.pending,e.processing,e.completed,e.failed,e.tmp]}function G(e){if(!F(e)){try{(0,y.mkdirSync)((0,U.dirname)(e.base),{recursive:!0});for(let t of[e.base,...H(e)])ge(t)}catch(t){throw new i("SPOOL_UNWRITABLE",`the spool ${e.base} can't be created: ${u(t)}`,{hint:"Make the directory writable, or set QUEUE_BASE_DIR to one that is.",cause:t})}F(e)}}function F(e){var r;let t=!0,n=(r=process.geteuid)==null?void 0:r.call(process);for(let o of[e.base,...H(e)]){let s=he(o);s?ye(o,s,n):t=!1}return t}function ye(e,t,n){if(t.isSymbolicLink())throw _(e,"is a symlink","Name the real directory in QUEUE_BASE_DIR.");if(!t.isDirectory())throw _(e,"is not a directory","Move it away.");if(n!==void 0){if(t.uid!==n)throw _(e,`belongs to user ${t.uid}, not to you (${n})`,"Use a spool of your own.");if((t.mode&63)!==0){let r=(t.mode&511).toString(8).padStart(4,"0");throw _(e,`is open to group or others (mode ${r})`,`Run: chmod 700 '${e}'`)}}}function _(e,t,n){return new i("SPOOL_UNSAFE",`the spool is refused: ${e} ${t}`,{hint:n})}function ge(e){try{(0,y.mkdirSync)(e,{mode:q}),(0,y.chmodSync)(e,q)}catch(t){if(f(t)!=="EEXIST")throw t}}function he(e){return(0,y.lstatSync)(e,{throwIfNoEntry:!1})}var b=[`CREATE TABLE jobs(
     id TEXT PRIMARY KEY NOT NULL,
     name TEXT NOT NULL,
     state TEXT NOT NULL DEFAULT 'queued'
       CHECK (state IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
     is_sealed INTEGER NOT NULL DEFAULT 0,
     expected INTEGER,
     total INTEGER NOT NULL DEFAULT 0,
     processed INTEGER NOT NULL DEFAULT 0,
     failed INTEGER NOT NULL DEFAULT 0,
     withdrawn INTEGER NOT NULL DEFAULT 0,
     meta TEXT NOT NULL DEFAULT '{}',
     template TEXT,
     after TEXT,
     not_before INTEGER,
     created_at INTEGER NOT NULL,
     started_at INTEGER,
     completed_at INTEGER,
     error TEXT
   );
   CREATE INDEX jobs_by_state ON jobs(state);
   CREATE INDEX jobs_by_completion ON jobs(completed_at);
   CREATE INDEX jobs_by_predecessor ON jobs(after) WHERE after IS NOT NULL;

   CREATE TABLE job_results(
     job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
     name TEXT NOT NULL,
     item TEXT NOT NULL,
     state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'done', 'failed', 'withdrawn')),
     error TEXT,
     details TEXT,
     duration_us INTEGER,
     finished_at INTEGER,
     PRIMARY KEY (job_id, name)
   ) WITHOUT ROWID;
   CREATE INDEX job_results_failed ON job_results(job_id, finished_at) WHERE state = 'failed';

   CREATE TRIGGER job_result_comes AFTER INSERT ON job_results BEGIN
     UPDATE jobs SET
       total = total + 1,
       processed = processed + (new.state IN ('done', 'failed')),
       failed = failed + (new.state = 'failed'),
       withdrawn = withdrawn + (new.state = 'withdrawn')
     WHERE id = new.job_id;
   END;
   CREATE TRIGGER job_result_changes AFTER UPDATE OF state ON job_results WHEN new.state <> old.state BEGIN
     UPDATE jobs SET
       processed = processed + (new.state IN ('done', 'failed')) - (old.state IN ('done', 'failed')),
       failed = failed + (new.state = 'failed') - (old.state = 'failed'),
       withdrawn = withdrawn + (new.state = 'withdrawn') - (old.state = 'withdrawn')
     WHERE id = new.job_id;
   END;
   CREATE TRIGGER job_result_goes AFTER DELETE ON job_results BEGIN
     UPDATE jobs SET
       total = total - 1,
       processed = processed - (old.state IN ('done', 'failed')),
       failed = failed - (old.state = 'failed'),
       withdrawn = withdrawn - (old.state = 'withdrawn')
     WHERE id = old.job_id;
   END;

   CREATE TABLE job_history(
     id TEXT PRIMARY KEY NOT NULL,
     name TEXT NOT NULL,
     state TEXT NOT NULL,
     total INTEGER NOT NULL,
     processed INTEGER NOT NULL,
     failed INTEGER NOT NULL,
     created_at INTEGER NOT NULL,
     started_at INTEGER,
     completed_at INTEGER
   );
   CREATE INDEX job_history_by_completion ON job_history(completed_at);`,`CREATE TABLE job_rows(
     job_id TEXT PRIMARY KEY NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
     path TEXT NOT NULL,
     pid INTEGER,
     priority INTEGER NOT NULL,
     first INTEGER NOT NULL,
     lines TEXT NOT NULL,
     next INTEGER NOT NULL
   ) WITHOUT ROWID;`];var be=5e3;function L(e){return(0,Y.join)(e.base,"jobs.db")}function Q(e){let t=(0,p.statSync)(L(e),{throwIfNoEntry:!1});return t&&`${t.dev} ${t.ino}`}function K(e,t={}){G(e);let n=L(e);V(n)||Ne(n);let r;try{return r=new(J(n))(n,{timeout:t.busyTimeout??be}),r.pragma("journal_mode = WAL"),r.pragma(`synchronous = ${t.synchronous??"FULL"}`),r.pragma("foreign_keys = ON"),Te(r,n),r}catch(o){throw r==null||r.close(),o instanceof i?o:z(n,u(o),o)}}function V(e){let t=(0,p.lstatSync)(e,{throwIfNoEntry:!1});if(t&&!t.isFile())throw new i("SPOOL_UNSAFE",`the spool is refused: ${e} is not a file`,{hint:"Move it away."});if(W(e))throw z(e,"there is a FIFO in the place of its journal");return t!==void 0}function Ne(e){try{(0,p.closeSync)((0,p.openSync)(e,"wx",R))}catch(t){if(f(t)!=="EEXIST")throw t;V(e)}}function Te(e,t){if(X(e)===b.length)return;let n=e.transaction(()=>{let r=X(e);if(r>b.length)throw Se(t,r);let o=b[r];return o===void 0?!1:(e.exec(o),e.pragma(`user_version = ${r+1}`),!0)});for(;n.immediate(););}function X(e){return e.pragma("user_version",{simple:!0})}function Se(e,t){return new i("DATABASE",`${e} is of version ${t}, and this hookspool knows ${b.length} at most`,{hint:"Upgrade hookspool."})}function z(e,t,n){return new i("DATABASE",`the jobs in ${e} can't be used: ${t}`,{cause:n})}var{rawJSON:nt,isRawJSON:rt}=JSON;var Oe=64*1024*1024;var we=/^(0[1-9]|10)_([\w.-]+)\.json$/;function Z(e){let t=we.exec(e);return t?{priority:Number(t[1]),seq:t[2]}:void 0}var a=require("fs");var Le=B(require("./write-file-atomic.cjs"),1);var _e=B(require("./proper-lockfile.cjs"),1);var l=require("fs");var lt=l.constants.O_RDONLY|l.constants.O_NOFOLLOW|l.constants.O_NONBLOCK,Et=Buffer.allocUnsafe(64*1024);var bt=24*3600*1e6;var Nt=new Int32Array(new SharedArrayBuffer(4));var xt=a.constants.O_WRONLY|a.constants.O_CREAT|a.constants.O_APPEND;function ee(e){return e==="completed"||e==="failed"||e==="cancelled"}function Ie(e){return{id:e.id,name:e.name,state:e.state,isSealed:e.is_sealed===1,expected:e.expected,total:e.total,processed:e.processed,failed:e.failed,withdrawn:e.withdrawn,meta:JSON.parse(e.meta),template:e.template,after:e.after,notBefore:I(e.not_before),createdAt:I(e.created_at),startedAt:I(e.started_at),completedAt:I(e.completed_at),error:e.error}}function x(e,t){let n=te(e,t);if(n)return n;throw xe(t)}function te(e,t){let n=e.prepare("SELECT * FROM jobs WHERE id = ?").get(t);return n&&Ie(n)}function xe(e){return new i("NOT_FOUND",`there is no job '${e}'`,{hint:"queue-job list shows them; completed ones are removed after QUEUE_JOB_RETENTION."})}function I(e){return e===null?null:new Date(e).toISOString()}function oe(e,t){let{item:n}=e.metadata;return typeof n=="string"?n:e.id??t}function ie(e,t,n){return Ae(e,t,[n]).added===1}function Ae(e,t,n){return e.transaction(()=>{let r=x(e,t);je(r,n.length);let o=g(e,`INSERT INTO job_results(job_id, name, item, finished_at) VALUES (?, ?, ?, ?)
           ON CONFLICT(job_id, name) DO NOTHING`),s=Date.now(),E=0;for(let{name:N,item:T}of n)E+=o.run(t,N,T,s).changes;return g(e,"UPDATE jobs SET is_sealed = 1 WHERE id = ? AND expected = total").run(t),{job:r,added:E}}).immediate()}function se(e,t,n){De(e,t,[n])}function De(e,t,n){e.transaction(()=>{let r=g(e,"SELECT 1 FROM jobs WHERE id = ? AND is_sealed = 1 AND expected = total").get(t),o=g(e,"DELETE FROM job_results WHERE job_id = ? AND name = ? AND state = 'queued'"),s=0;for(let E of n)s+=o.run(t,E).changes;s!==0&&(r&&g(e,"UPDATE jobs SET is_sealed = 0 WHERE id = ?").run(t),ke(e,t))}).immediate()}function ke(e,t,n=Date.now()){g(e,Fe).run({id:t,now:n}).changes!==0&&g(e,"UPDATE jobs SET after = NULL WHERE after = :id AND (SELECT state FROM jobs WHERE id = :id) = 'completed'").run({id:t})}var $="is_sealed = 1 AND processed + withdrawn = total",j=`CASE WHEN ${$} THEN CASE WHEN failed > 0 THEN 'failed' ELSE 'completed' END
  WHEN processed > 0 OR started_at IS NOT NULL THEN 'running' ELSE 'queued' END`,ne=`CASE WHEN ${$} AND failed > 0 THEN failed || ' of ' || total || ' items failed' END`,Fe=`UPDATE jobs SET
    state = ${j},
    error = ${ne},
    started_at = CASE WHEN processed > 0 THEN ifnull(started_at, :now) ELSE started_at END,
    completed_at = CASE WHEN NOT (${$}) THEN NULL WHEN state = ${j} THEN completed_at ELSE :now END
  WHERE id = :id AND state <> 'cancelled' AND (state <> ${j} OR error IS NOT ${ne})`;function Ue({id:e,state:t},n){if(t==="cancelled")throw new i("USAGE",`the job '${e}' was cancelled`,n===void 0?{}:{hint:n})}function je(e,t){let n=(o,s)=>{throw new i("USAGE",`the job '${e.id}' ${o}`,{hint:s})};Ue(e,"Create another.");let r=e.expected===null?Number.POSITIVE_INFINITY:e.expected-e.total;t>r&&n(`has room for ${r} of its ${e.expected} items`,"Create another."),(e.isSealed||ee(e.state))&&n("is sealed: it takes no more items","Create another.")}var re=new WeakMap;function g(e,t){let n=re.get(e)??new Map;re.set(e,n);let r=n.get(t)??e.prepare(t);return n.set(t,r),r}var $e=1e3,Ce=new Set(["USAGE","NOT_FOUND"]);function ve(e,t,n,r){let o=t.job,s,E=c=>{try{c(Pe(e,o,Math.min(n,$e)));return}catch(d){if(d instanceof i&&Ce.has(d.code)){let{code:S,message:A,hint:v}=d;return{code:S,message:A,...v===void 0?{}:{hint:v}}}r(`the job '${o}' is not told of an entry, its record will be: ${u(d)}`);return}},N=()=>{let c=s;s=void 0,c!==void 0&&E(d=>se(d,o,c))},T,C=E(c=>{let d=x(c,o).notBefore;d!==null&&Date.parse(d)>Date.now()&&(T=d)});return C||{notBefore:T,claim:c=>{var S;N();let d=oe(t,((S=Z(c))==null?void 0:S.seq)??c);return E(A=>{ie(A,o,{name:c,item:d})&&(s=c)})},release:N}}var m;function Pe(e,t,n){let r=L(e),o=Q(e);if(m&&(m.path!==r||m.file!==o)&&(m.db.close(),m=void 0),o===void 0)throw new i("NOT_FOUND",`there is no job '${t}'`,{hint:"queue-job create makes one."});return m??(m={db:K(e,{busyTimeout:n,synchronous:"NORMAL"}),path:r,file:o}),m.db}0&&(module.exports={placeInJob});
