import { HmmError, type Backend, type CapabilityName } from '@hmm-sdk/hmm-api'
import { Scene, type OpenDmirror } from './scene.js'

/** What a test needs: a capability, or one that has no name of its own yet. */
export type Need = CapabilityName | 'huge pages' | 'huge device pages'

/** How a test went. It fails by throwing. */
export type Outcome =
  | { readonly status: 'passed'; readonly notes: readonly string[] }
  | { readonly status: 'skipped'; readonly reason: string }

/**
 * A test, as a function of a backend whose config is `dmirrorConfig()`. With `open` another driver is
 * tested than that of this folder: the kernel's own.
 */
export type DmirrorTest = (backend: Backend, open?: OpenDmirror) => Promise<Outcome>

/** A test that runs where all of its needs are met. */
export function needing(needs: readonly Need[], run: (t: Scene) => Promise<void>): DmirrorTest {
  return async (backend, open) => {
    const notes: string[] = []
    let reason: string | undefined
    const body = async (t: Scene): Promise<void> => {
      for (const need of ['mirror', 'dma.mirror', 'engine', ...needs] as const) {
        const missing = reason === undefined ? await whyNot(t, need) : undefined
        if (missing !== undefined) reason = `${need}: ${missing}`
      }
      if (reason === undefined) await run(t)
    }
    await Scene.run(backend, (text) => notes.push(text), body, open)
    return reason === undefined ? { status: 'passed', notes } : { status: 'skipped', reason }
  }
}

/** The variants of a test without and with `need`; says so if there is no such variant here. */
export async function variants(t: Scene, need: Need): Promise<readonly boolean[]> {
  return (await has(t, need)) ? [false, true] : [false]
}

/** Whether the part of a test that needs it can run; says so if it cannot. */
export async function has(t: Scene, need: Need): Promise<boolean> {
  const reason = await whyNot(t, need)
  if (reason !== undefined) t.note(`without ${need}: ${reason}`)
  return reason === undefined
}

/** Why a need is not met, or undefined. */
async function whyNot(t: Scene, need: Need): Promise<string | undefined> {
  if (need === 'huge pages') return whyNoHugePages(t)
  const device = await t.device()
  if (need === 'huge device pages') {
    const { limits } = device.capabilities.get('memory') as { limits?: Record<string, number> }
    if ((limits?.['order'] ?? 0) >= Math.log2(t.hugePages)) return undefined
    return 'device memory moves single pages: the capability memory has no limit order for more'
  }
  const owner = need.startsWith('space.') ? t.space : device
  const capability = owner.capabilities.get(need)
  return capability.supported ? undefined : capability.reason
}

/** As the kernel answers where it has none: the advice is EINVAL. */
async function whyNoHugePages(t: Scene): Promise<string | undefined> {
  const mapping = await t.mmap(2 * t.hugePages)
  try {
    await t.space.madvise(t.hugeBlock(mapping), 'hugepage')
    return undefined
  } catch (error) {
    if (HmmError.is(error, 'EINVAL')) return error.details.message ?? 'no transparent huge pages'
    throw error
  } finally {
    await t.space.munmap(mapping)
  }
}
