import { whenIdle } from '../sim/idle.js'

/** Rejected promises that nobody has heard of, as the platform tells of them. */
export interface Rejections {
  /** Waits until the platform has told of all there are; their reasons, which are then forgotten. */
  take(): Promise<readonly unknown[]>
  /**
   * Ends the watch. What was not taken, and `foreign`, goes to whoever listened before: in the
   * end that is the platform itself, which may end the process.
   */
  stop(foreign?: readonly unknown[]): void
}

type Listener = (reason: unknown, promise: Promise<unknown>) => void

/** A process of Node, a browser's window or a worker. */
interface Platform {
  readonly process?: {
    listeners(event: string): Listener[]
    on(event: string, listener: Listener): void
    off(event: string, listener: Listener): void
  }
  addEventListener?(type: string, listener: (event: RejectionEvent) => void): void
  removeEventListener?(type: string, listener: (event: RejectionEvent) => void): void
}

interface RejectionEvent {
  readonly promise: Promise<unknown>
  readonly reason: unknown
  preventDefault(): void
}

/** Whoever watches: told of each, and of each that was handled after all. */
interface Watch {
  rejected(reason: unknown, promise: Promise<unknown>): void
  handled(promise: Promise<unknown>): void
}

/** The last one is told. */
const watches: Watch[] = []
let giveBack = (): void => undefined

/**
 * Watches rejections that nobody handles, in place of whoever does so otherwise (a test runner, the
 * platform), until `stop`. One that is handled before it is taken does not count. The watch
 * that began last is the one that is told.
 */
export function watchRejections(): Rejections {
  const reasons = new Map<Promise<unknown>, unknown>()
  const watch: Watch = {
    rejected: (reason, promise) => void reasons.set(promise, reason),
    handled: (promise) => void reasons.delete(promise),
  }
  if (watches.length === 0) giveBack = listen()
  watches.push(watch)
  const empty = (): unknown[] => {
    const taken = [...reasons.values()]
    reasons.clear()
    return taken
  }
  return {
    async take() {
      await new Promise<void>(whenIdle)
      return empty()
    },
    stop(foreign = []) {
      watches.splice(watches.indexOf(watch), 1)
      if (watches.length === 0) giveBack()
      for (const reason of [...foreign, ...empty()]) void Promise.reject(reason)
    },
  }
}

function listen(): () => void {
  const platform = globalThis as Platform
  const { process } = platform
  const rejected: Listener = (reason, promise) => {
    watches.at(-1)?.rejected(reason, promise)
  }
  const handled = (promise: Promise<unknown>): void => {
    for (const watch of watches) watch.handled(promise)
  }
  // Bundles for browsers may have a `process` that is a name and no more.
  if (typeof process?.listeners === 'function') {
    const others = process.listeners('unhandledRejection')
    const ofHandled: Listener = (promise) => handled(promise as Promise<unknown>)
    for (const other of others) process.off('unhandledRejection', other)
    process.on('unhandledRejection', rejected)
    process.on('rejectionHandled', ofHandled)
    return () => {
      process.off('unhandledRejection', rejected)
      process.off('rejectionHandled', ofHandled)
      for (const other of others) process.on('unhandledRejection', other)
    }
  }
  const onRejected = (event: RejectionEvent): void => {
    event.preventDefault()
    rejected(event.reason, event.promise)
  }
  const onHandled = ({ promise }: RejectionEvent): void => handled(promise)
  platform.addEventListener?.('unhandledrejection', onRejected)
  platform.addEventListener?.('rejectionhandled', onHandled)
  return () => {
    platform.removeEventListener?.('unhandledrejection', onRejected)
    platform.removeEventListener?.('rejectionhandled', onHandled)
  }
}
