import type { ConformanceCase } from './case.js'
import { TimeLimit, withLimit } from './limit.js'
import { findMissing, type Missing } from './need.js'
import type { Scene } from './scene.js'
import type { SceneSource } from './scene-source.js'

/** How one case went. */
export interface CaseResult {
  readonly address: string
  readonly status: 'passed' | 'failed' | 'skipped'
  /** By the wall clock. */
  readonly durationMs: number
  /** Why it failed. */
  readonly error?: unknown
  /** Why it was skipped. */
  readonly missing?: Missing
}

/** Runs one case in a scene of its own. Never rejects. */
export async function runCase(
  source: SceneSource,
  test: ConformanceCase,
  limitMs: number,
): Promise<CaseResult> {
  const start = performance.now()
  const result = (rest: Omit<CaseResult, 'address' | 'durationMs'>): CaseResult => ({
    address: test.address,
    durationMs: performance.now() - start,
    ...rest,
  })
  let scene: Scene | undefined
  try {
    scene = await source.open()
    const { clock } = scene.backend
    const missing = findMissing(scene, test.needs)
    const body = scene
    if (missing === undefined) await withLimit(clock, limitMs, 'it', () => test.run(body))
    scene = undefined
    await source.close(body, limitMs)
    return missing === undefined
      ? result({ status: 'passed' })
      : result({ status: 'skipped', missing })
  } catch (error) {
    if (scene !== undefined) await giveUp(source, scene, error, limitMs)
    return result({ status: 'failed', error })
  }
}

/** The case failed: its scene is closed as well as can be, its failure is what is reported. */
async function giveUp(
  source: SceneSource,
  scene: Scene,
  error: unknown,
  limitMs: number,
): Promise<void> {
  if (error instanceof TimeLimit) return source.abandon(scene)
  try {
    await source.close(scene, limitMs)
  } catch (second) {
    if (second instanceof TimeLimit) source.abandon(scene)
  }
}
