/**
 * Returns a function that asks for `callback` to be called when all promises that can go on have
 * done so, and only then: what a strand does between two stops is however many microtasks it takes.
 * On Node that is a tick queued by a microtask, elsewhere a message. Ask once per call.
 */
export const segmentEnd: (callback: () => void) => () => void = choose()

function choose(): (callback: () => void) => () => void {
  const platform = globalThis as {
    process?: { nextTick?: (callback: () => void) => void }
    MessageChannel?: new () => {
      port1: { onmessage: (() => void) | null }
      port2: { postMessage(data: unknown): void }
    }
  }
  const nextTick = platform.process?.nextTick
  if (typeof nextTick === 'function') {
    const done = Promise.resolve()
    return (callback) => {
      // A tick queued by a tick would run before the microtasks of the first.
      const hop = (): void => nextTick(callback)
      // Cheaper than queueMicrotask, which on Node makes a resource for async_hooks.
      return () => void done.then(hop)
    }
  }
  if (platform.MessageChannel !== undefined) {
    const { port1, port2 } = new platform.MessageChannel()
    const waiting: (() => void)[] = []
    port1.onmessage = () => waiting.shift()?.()
    return (callback) => () => {
      waiting.push(callback)
      port2.postMessage(null)
    }
  }
  return (callback) => () => void setTimeout(callback)
}
