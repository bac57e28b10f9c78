declare module 'pgpass' {
  interface Place {
    host: string;
    port: number;
    user: string;
    database: string;
  }
  function pgpass(place: Place, done: (password: string | undefined) => void): void;
  namespace pgpass {
    function warnTo(stream: NodeJS.WritableStream): NodeJS.WritableStream;
  }
  export default pgpass;
}
