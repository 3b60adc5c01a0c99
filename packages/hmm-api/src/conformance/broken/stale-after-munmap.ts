import { ENTRY_DMA_MAPPED, entryHas, entryPage } from '../../entry.js'
import type { RawEngine } from '../../raw/raw-engine.js'
import type { RawMirror } from '../../raw/raw-mirror.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const staleAfterMunmap: BrokenBackend = {
  name: 'stale-after-munmap',
  breaks: 'munmap does not revoke: the device still reaches the pages that are gone',
  caughtBy: 'mirror/revoke/munmap',
  wrap: (raw) => {
    const mapped = new Set<number>()
    return decorate(raw, {
      device: ({ engine }) => ({ engine: engine && staleEngine(engine, mapped) }),
      mirror: (mirror) => remembering(mirror, mapped),
    })
  },
}

/** Remembers which DMA pages were ever mapped. */
function remembering(mirror: RawMirror, mapped: Set<number>): Partial<RawMirror> {
  return {
    map: async (request, wait) => {
      const attempt = await mirror.map(request, wait)
      for (let index = 0; index < request.pages; index++) {
        if (!entryHas(attempt.entries, index, ENTRY_DMA_MAPPED)) continue
        mapped.add(entryPage(attempt.entries, index))
      }
      return attempt
    },
  }
}

/** Accesses to what was mapped once never fault: they go to a copy that nobody else sees. */
function staleEngine(engine: RawEngine, mapped: ReadonlySet<number>): RawEngine {
  return replace(engine, {
    read: (page, offset, length, wait) =>
      engine.read(page, offset, length, wait).catch((error: unknown) => {
        if (mapped.has(page)) return new Uint8Array(length)
        throw error
      }),
    write: (page, offset, bytes, wait) =>
      engine.write(page, offset, bytes, wait).catch((error: unknown) => {
        if (!mapped.has(page)) throw error
      }),
  })
}
