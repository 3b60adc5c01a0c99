import { createServer } from 'node:net'

/**
 * Takes the words of the guest from a socket and hands them on.
 *
 * @param {string} path
 * @param {NodeJS.WritableStream} output
 */
export async function takeGuestOutput(path, output) {
  /** @type {Promise<void>[]} */
  const streams = []
  const server = createServer((socket) => {
    streams.push(
      new Promise((resolve) => {
        socket.once('close', () => {
          resolve()
        })
      }),
    )
    socket.on('error', () => undefined)
    socket.pipe(output, { end: false })
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      resolve(undefined)
    })
  })
  return {
    drained: () => Promise.all(streams),
    close: () => server.close(),
  }
}
