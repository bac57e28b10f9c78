if(parseInt(process.versions.node,10)<22){process.stderr.write("hookspool needs Node 22 or later; this is "+process.versions.node+" ("+process.execPath+"). Upgrade it, or name another in QUEUE_NODE.\n");process.exit(1)}var __url=require("url").pathToFileURL(__filename).href;"use strict";var y=Object.defineProperty;var ne=Object.getOwnPropertyDescriptor;var re=Object.getOwnPropertyNames;var oe=Object.prototype.hasOwnProperty;var ie=(e,t,n)=>t in e?y(e,t,{enumerable:!0,configurable:!0,writable:!0,value:n}):e[t]=n;var se=(e,t)=>{for(var n in t)y(e,n,{get:t[n],enumerable:!0})},ae=(e,t,n,r)=>{if(t&&typeof t=="object"||typeof t=="function")for(let o of re(t))!oe.call(e,o)&&o!==n&&y(e,o,{get:()=>t[o],enumerable:!(r=ne(t,o))||r.enumerable});return e};var de=e=>ae(y({},"__esModule",{value:!0}),e);var f=(e,t,n)=>ie(e,typeof t!="symbol"?t+"":t,n);var Ie={};se(Ie,{placeInJob:()=>Ae});module.exports=de(Ie);var ee=require("node:fs");var D={ok:0,failure:1,usage:2,entryFailed:3,notYet:4},i=class extends Error{constructor(n,r,o={}){super(r,o.cause===void 0?void 0:{cause:o.cause});f(this,"name","QueueError");f(this,"code");f(this,"hint");this.code=n,this.hint=o.hint}get exitCode(){return this.code==="USAGE"||this.code==="CONFIG"?D.usage:this.code==="ENTRY_FAILED"?D.entryFailed:D.failure}};function u(e){return e instanceof Error?e.message:String(e)}function g(e){if(!(typeof e!="object"||e===null||!("code"in e)))return typeof e.code=="string"?e.code:void 0}var p=require("node:fs"),G=require("node:path");var k=require("node:fs"),F=require("node:module");var h=class extends i{constructor(n,r,o,a={}){let l=a.hint??ue(r);super("DATABASE",`database ${n} can't be used: ${o} (${r})`,{...l===void 0?{}:{hint:l},cause:a.cause});f(this,"reason");f(this,"duringEntry");this.reason=r,this.duringEntry=a.duringEntry??!1}};function ue(e){let t=/^SQLITE_([A-Z]+)/.exec(e)?.[1]??"";return le[t]}var le={BUSY:"Another connection holds the write lock; the queue goes on when it lets go.",LOCKED:"Another connection holds the write lock; the queue goes on when it lets go.",CANTOPEN:"Check that the file and its directory exist and that this user may write there.",READONLY:"Give this user write permission on the file and on its directory.",PERM:"Give this user write permission on the file and on its directory.",FULL:"Free some space on the disk.",NOTADB:"Put the right file back, or name another one in HIVE_DB.",CORRUPT:"Restore a backup, or save what can be saved with sqlite3's .recover command."};var w;function C(e){if(w)return w;if(Number.parseInt(process.versions.node,10)<22)throw new h(e,"NO_DRIVER",`Node ${process.versions.node} is too old`,{hint:"Run with Node 22 or later."});try{w=(0,F.createRequire)(__url)("better-sqlite3")}catch(t){throw new h(e,"NO_DRIVER",`better-sqlite3 can't be loaded: ${u(t)}`,{hint:"Install hookspool again with npm.",cause:t})}return w}function $(e){try{return(0,k.statSync)(`${e}-journal`,{throwIfNoEntry:!1})?.isFIFO()??!1}catch{return!1}}var E=require("node:fs"),R=require("node:path");var H=384,v=448;function B(e){return[e.values,e.pending,e.processing,e.completed,e.failed,e.tmp]}function J(e){if(!P(e)){try{(0,E.mkdirSync)((0,R.dirname)(e.base),{recursive:!0});for(let t of[e.base,...B(e)])fe(t)}catch(t){throw new i("SPOOL_UNWRITABLE",`the spool ${e.base} can't be created: ${u(t)}`,{hint:"Make the directory writable, or set QUEUE_BASE_DIR to one that is.",cause:t})}P(e)}}function P(e){let t=!0;for(let n of[e.base,...B(e)]){let r=Ee(n);r?ce(n,r):t=!1}return t}function ce(e,t){if(t.isSymbolicLink())throw O(e,"is a symlink","Name the real directory in QUEUE_BASE_DIR.");if(!t.isDirectory())throw O(e,"is not a directory","Move it away.");if(process.geteuid&&t.uid!==process.geteuid())throw O(e,`belongs to user ${t.uid}, not to you (${process.geteuid()})`,"Use a spool of your own.");if(process.geteuid&&(t.mode&63)!==0){let n=(t.mode&511).toString(8).padStart(4,"0");throw O(e,`is open to group or others (mode ${n})`,`Run: chmod 700 '${e}'`)}}function O(e,t,n){return new i("SPOOL_UNSAFE",`the spool is refused: ${e} ${t}`,{hint:n})}function fe(e){try{(0,E.mkdirSync)(e,{mode:v}),(0,E.chmodSync)(e,v)}catch(t){if(g(t)!=="EEXIST")throw t}}function Ee(e){return(0,E.lstatSync)(e,{throwIfNoEntry:!1})}var N=[`CREATE TABLE jobs(
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
   CREATE INDEX job_history_by_completion ON job_history(completed_at);`];var pe=5e3;function I(e){return(0,G.join)(e.base,"jobs.db")}function W(e,t={}){J(e);let n=I(e);if(me(n),$(n))throw q(n,"there is a FIFO in the place of its journal");let r;try{return r=new(C(n))(n,{timeout:t.busyTimeout??pe}),r.pragma("journal_mode = WAL"),r.pragma(`synchronous = ${t.synchronous??"FULL"}`),r.pragma("foreign_keys = ON"),ge(r,n),r}catch(o){throw r?.close(),o instanceof i?o:q(n,u(o),o)}}function me(e){try{(0,p.lstatSync)(e,{throwIfNoEntry:!1})||(0,p.closeSync)((0,p.openSync)(e,"wx",H))}catch(t){if(g(t)!=="EEXIST")throw t}if(!(0,p.lstatSync)(e).isFile())throw new i("SPOOL_UNSAFE",`the spool is refused: ${e} is not a file`,{hint:"Move it away."})}function ge(e,t){if(M(e)===N.length)return;let n=e.transaction(()=>{let r=M(e);if(r>N.length)throw he(t,r);let o=N[r];return o===void 0?!1:(e.exec(o),e.pragma(`user_version = ${r+1}`),!0)});for(;n.immediate(););}function M(e){return e.pragma("user_version",{simple:!0})}function he(e,t){return new i("DATABASE",`${e} is of version ${t}, and this hookspool knows ${N.length} at most`,{hint:"Upgrade hookspool."})}function q(e,t,n){return new i("DATABASE",`the jobs in ${e} can't be used: ${t}`,{cause:n})}function X(e){return e==="completed"||e==="failed"||e==="cancelled"}function Ne(e){return{id:e.id,name:e.name,state:e.state,isSealed:e.is_sealed===1,expected:e.expected,total:e.total,processed:e.processed,failed:e.failed,withdrawn:e.withdrawn,meta:JSON.parse(e.meta),template:e.template,after:e.after,notBefore:_(e.not_before),createdAt:_(e.created_at),startedAt:_(e.started_at),completedAt:_(e.completed_at),error:e.error}}function S(e,t){let n=e.prepare("SELECT * FROM jobs WHERE id = ?").get(t);if(n)return Ne(n);throw new i("NOT_FOUND",`there is no job '${t}'`,{hint:"queue-job list shows them; completed ones are removed after QUEUE_JOB_RETENTION."})}function _(e){return e===null?null:new Date(e).toISOString()}function K(e,t){let{item:n}=e.metadata;return typeof n=="string"?n:e.id??t}function V(e,t,n){return Te(e,t,[n]).added===1}function Te(e,t,n){return e.transaction(()=>{let r=S(e,t);we(r,n.length);let o=m(e,`INSERT INTO job_results(job_id, name, item, finished_at) VALUES (?, ?, ?, ?)
           ON CONFLICT(job_id, name) DO NOTHING`),a=Date.now(),l=0;for(let{name:T,item:b}of n)l+=o.run(t,T,b,a).changes;return m(e,"UPDATE jobs SET is_sealed = 1 WHERE id = ? AND expected = total").run(t),{job:r,added:l}}).immediate()}function z(e,t,n){e.transaction(()=>{m(e,"DELETE FROM job_results WHERE job_id = ? AND name = ? AND state = 'queued'").run(t,n).changes!==0&&(m(e,"UPDATE jobs SET is_sealed = 0 WHERE id = ? AND expected = total + 1").run(t),be(e,t))}).immediate()}function be(e,t,n=Date.now()){m(e,ye).run({id:t,now:n}).changes!==0&&m(e,"UPDATE jobs SET after = NULL WHERE after = :id AND (SELECT state FROM jobs WHERE id = :id) = 'completed'").run({id:t})}var x="is_sealed = 1 AND processed + withdrawn = total",L=`CASE WHEN ${x} THEN CASE WHEN failed > 0 THEN 'failed' ELSE 'completed' END
  WHEN processed > 0 OR started_at IS NOT NULL THEN 'running' ELSE 'queued' END`,Y=`CASE WHEN ${x} AND failed > 0 THEN failed || ' of ' || total || ' items failed' END`,ye=`UPDATE jobs SET
    state = ${L},
    error = ${Y},
    started_at = CASE WHEN processed > 0 THEN ifnull(started_at, :now) ELSE started_at END,
    completed_at = CASE WHEN NOT (${x}) THEN NULL WHEN state = ${L} THEN completed_at ELSE :now END
  WHERE id = :id AND state <> 'cancelled' AND (state <> ${L} OR error IS NOT ${Y})`;function we(e,t){let n=(o,a)=>{throw new i("USAGE",`the job '${e.id}' ${o}`,{hint:a})};e.state==="cancelled"&&n("was cancelled","Create another.");let r=e.expected===null?Number.POSITIVE_INFINITY:e.expected-e.total;t>r&&n(`has room for ${r} of its ${e.expected} items`,"Create another."),(e.isSealed||X(e.state))&&n("is sealed: it takes no more items","Create another.")}var Q=new WeakMap;function m(e,t){let n=Q.get(e)??new Map;Q.set(e,n);let r=n.get(t)??e.prepare(t);return n.set(t,r),r}var nt=64*1024*1024;var Oe=/^(0[1-9]|10)_([\w.-]+)\.json$/;function Z(e){let t=Oe.exec(e);return t?{priority:Number(t[1]),seq:t[2]}:void 0}var _e=1e3,Se=new Set(["USAGE","NOT_FOUND"]);function Ae(e,t,n,r){let o=t.job,a,l=d=>{try{d(De(e,o,Math.min(n,_e)));return}catch(s){if(s instanceof i&&Se.has(s.code)){let{code:A,message:te,hint:j}=s;return{code:A,message:te,...j===void 0?{}:{hint:j}}}r(`the job '${o}' is not told of an entry, its record will be: ${u(s)}`);return}},T=()=>{let d=a;a=void 0,d!==void 0&&l(s=>z(s,o,d))},b,U=l(d=>{let s=S(d,o).notBefore;s!==null&&Date.parse(s)>Date.now()&&(b=s)});return U||{notBefore:b,claim:d=>{T();let s=K(t,Z(d)?.seq??d);return l(A=>{V(A,o,{name:d,item:s})&&(a=d)})},release:T}}var c;function De(e,t,n){let r=I(e),o=Re(r);if(c&&(c.path!==r||c.file!==o)&&(c.db.close(),c=void 0),o===void 0)throw new i("NOT_FOUND",`there is no job '${t}'`,{hint:"queue-job create makes one."});return c??(c={db:W(e,{busyTimeout:n,synchronous:"NORMAL"}),path:r,file:o}),c.db}function Re(e){let t=(0,ee.statSync)(e,{throwIfNoEntry:!1});return t&&`${t.dev} ${t.ino}`}0&&(module.exports={placeInJob});
