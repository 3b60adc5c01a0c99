import {
  API_VERSION,
  ENTRY_DMA_MAPPED,
  ENTRY_VALID,
  ENTRY_WRITE,
  setEntry,
  supported,
  type TraceEvent,
} from '@hmm-sdk/hmm-api'
import type {
  RawAddressSpace,
  RawBackend,
  RawDevice,
  RawMapAttempt,
  RawMirror,
  RawMirrorCallbacks,
} from '@hmm-sdk/hmm-api/raw'

/** What a test sees of, and decides for, the backend below the objects of hmm-api. */
export interface Fake {
  readonly raw: RawBackend
  /** Raw calls in order, such as `mirror.map 0+2`. */
  readonly calls: string[]
  /** Answers of the next commits; true when used up. */
  readonly commits: boolean[]
  /** What the next raw map fails with. */
  mapFailure: unknown
  /** Called while a raw map begins: events may be dispatched there. */
  duringMap: () => void
  /** Whether a map needs no waiting: the raw layer returns the attempt itself. */
  atOnce: boolean
  /** The callbacks of the mirror that was made last. */
  mirror: RawMirrorCallbacks | undefined
  /** Ends the process that was made last. */
  release: () => void
  trace: ((event: TraceEvent) => void) | undefined
}

/** A backend that does nothing but answer: the checks and loops of hmm-api alone are under test. */
export function fakeBackend(overrides: Partial<RawBackend> = {}): Fake {
  const fake: Fake = {
    raw: undefined as unknown as RawBackend,
    calls: [],
    commits: [],
    mapFailure: undefined,
    duringMap: () => undefined,
    atOnce: false,
    mirror: undefined,
    release: () => undefined,
    trace: undefined,
  }
  const log = (call: string) => void fake.calls.push(call)
  const raw: RawBackend = {
    name: 'fake',
    apiVersion: API_VERSION,
    capabilities: {},
    scheduler: {
      now: () => 0,
      // Time runs fast here: whatever is slept for is over after a moment.
      sleep: (_ms, signal) =>
        new Promise((resolve) => {
          setTimeout(resolve, 20)
          signal?.addEventListener('abort', () => resolve())
        }),
      createWait: () => {
        let wake: () => void = () => undefined
        const promise = new Promise<void>((resolve) => (wake = resolve))
        return { promise, wake: () => wake() }
      },
    },
    createAddressSpace: async () => fakeSpace(fake, log),
    openDevice: async (name) => {
      log(`openDevice ${name}`)
      return fakeDevice(fake, log)
    },
    close: async () => (log('backend.close'), []),
    counters: () => ({
      deviceFaults: 0,
      pagesMapped: 0,
      pagesUnmapped: 0,
      invalidations: 0,
      pagesMigratedToDevice: 0,
      pagesMigratedToSystem: 0,
    }),
    trace: (listener) => void (fake.trace = listener),
    ...overrides,
  }
  return Object.assign(fake, { raw })
}

function fakeSpace(fake: Fake, log: (call: string) => void): RawAddressSpace {
  const done = (call: string) => async () => log(call)
  return {
    id: 1,
    pageShift: 12,
    capabilities: { 'space.fork': supported() },
    mmap: async ({ pages }) => (log(`mmap ${pages}`), 0x1000),
    munmap: done('munmap'),
    mprotect: done('mprotect'),
    mremap: async () => 0x2000,
    madvise: done('madvise'),
    createFile: () => Promise.reject(new Error('not reached')),
    fork: async () => fakeSpace(fake, log),
    exec: done('exec'),
    exit: done('exit'),
    kill: done('kill'),
    read: async (_page, _offset, length) => new Uint8Array(length),
    write: done('write'),
    fetchAdd: async () => 0,
    compareExchange: async () => 0,
    onReleased: (listener) => void (fake.release = listener),
    close: done('space.close'),
  }
}

function fakeDevice(fake: Fake, log: (call: string) => void): RawDevice {
  return {
    id: 1,
    pciId: undefined,
    capabilities: { mirror: supported(), 'dma.mirror': supported({ pagesPerMap: 8 }) },
    dma: {
      limits: { translating: true, coherent: true, maxMappingBytes: 2 ** 30, pageShift: 12 },
      setMask: () => log('setMask'),
      allocBuffer: () => Promise.reject(new Error('not reached')),
      allocCoherent: () => Promise.reject(new Error('not reached')),
      map: () => {
        throw new Error('not reached')
      },
      openWindow: () => Promise.reject(new Error('not reached')),
      revocations: () => 0,
    },
    createMirror: async (_space, startPage, pages, callbacks) => {
      log(`createMirror ${startPage}+${pages}`)
      fake.mirror = callbacks
      return fakeMirror(fake, log)
    },
    close: async () => (log('device.close'), []),
  }
}

function fakeMirror(fake: Fake, log: (call: string) => void): RawMirror {
  return {
    id: 1,
    readBegin: async () => 2,
    readRetry: () => !(fake.commits.shift() ?? true),
    fault: async ({ pages, entries }) => {
      log(`fault ${pages}`)
      for (let i = 0; i < pages; i++) setEntry(entries, i, 100 + i, ENTRY_VALID, 3)
      return 2
    },
    map: ({ first, pages, write }) => {
      log(`map ${first}+${pages} ${write ? 'write' : 'read'}`)
      fake.duringMap()
      const failed = fake.mapFailure !== undefined
      if (failed && fake.atOnce) throw fake.mapFailure
      if (failed) return Promise.reject(fake.mapFailure as Error)
      const attempt = fakeAttempt(fake, log, pages, write ? ENTRY_WRITE : 0)
      return fake.atOnce ? attempt : Promise.resolve(attempt)
    },
    unmap: (first, pages) => log(`unmap ${first}+${pages}`),
    close: async () => log('mirror.close'),
  }
}

function fakeAttempt(
  fake: Fake,
  log: (call: string) => void,
  pages: number,
  flags: number,
): RawMapAttempt {
  const entries = new Uint32Array(2 * pages)
  for (let i = 0; i < pages; i++) {
    setEntry(entries, i, 0x500 + i, ENTRY_VALID | ENTRY_DMA_MAPPED | flags)
  }
  return {
    entries,
    commit: (run) => {
      if (!(fake.commits.shift() ?? true)) return false
      run()
      return true
    },
    undo: () => log('undo'),
  }
}
