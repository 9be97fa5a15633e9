// A TCP proxy that a test can cut: the browsers' way to the product, so that the network can go away and come back.
import net from 'node:net';

/** Listens on `port` and forwards to `target` ({ host, port }). */
export async function cuttable(port, target) {
  const open = new Set();
  let cut = false;
  const server = net.createServer((inner) => {
    if (cut) return inner.destroy();
    const outer = net.connect(target.port, target.host);
    for (const [one, other] of [[inner, outer], [outer, inner]]) {
      open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => { open.delete(one); other.destroy(); });
    }
    inner.pipe(outer).pipe(inner);
  });
  await new Promise((ready) => server.listen(port, '127.0.0.1', ready));
  return {
    /** Ends every connection and refuses new ones. */
    cut() { cut = true; for (const socket of open) socket.destroy(); },
    /** Lets connections through again. */
    restore() { cut = false; },
    close() { cut = true; for (const socket of open) socket.destroy(); server.close(); },
  };
}

/** A port that was free a moment ago. */
export function freePort() {
  return new Promise((found) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => found(port));
    });
  });
}
