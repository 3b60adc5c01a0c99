import type { CapabilityName } from '../../capability.js'
import type { Scene } from './scene.js'

/** What a case needs: a capability, or (with `!`) that it is missing. */
export type Need = CapabilityName | `!${CapabilityName}`

/** Why a case cannot run here. */
export interface Missing {
  readonly need: Need
  readonly reason: string
}

const OF_BACKEND: ReadonlySet<CapabilityName> = new Set([
  'invalidate.inside',
  'physical-addresses',
] satisfies CapabilityName[])

/** The first need that `scene` does not meet. */
export function findMissing(scene: Scene, needs: readonly Need[]): Missing | undefined {
  for (const need of needs) {
    const wanted = !need.startsWith('!')
    const name = (wanted ? need : need.slice(1)) as CapabilityName
    const capability = ownerOf(scene, name).capabilities.get(name)
    if (capability.supported === wanted) continue
    const reason = capability.supported ? `'${name}' is supported here` : capability.reason
    return { need, reason }
  }
  return undefined
}

function ownerOf(scene: Scene, name: CapabilityName) {
  if (name.startsWith('space.')) return scene.space
  return OF_BACKEND.has(name) ? scene.backend : scene.device
}
