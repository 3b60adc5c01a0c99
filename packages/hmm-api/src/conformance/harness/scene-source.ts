import type { Leak } from '../../event.js'
import type { Backend } from '../../objects/backend.js'
import { equal } from './check.js'
import { withLimit } from './limit.js'
import { Scene } from './scene.js'

/** Where scenes come from, and where they go. */
export interface SceneSource {
  open(): Promise<Scene>
  /** Closes a scene; fails if the case left something over. */
  close(scene: Scene, limitMs: number): Promise<void>
  /** A case hangs: nothing of its backend may be relied on any more. */
  abandon(scene: Scene): void
  /** All cases are done; what was leaked outside of scenes. */
  end(): Promise<readonly Leak[]>
}

/** Each case gets a backend of its own. */
export function freshBackends(open: () => Promise<Backend>): SceneSource {
  return {
    open: async () => {
      const backend = await open()
      try {
        return await Scene.open(backend, open)
      } catch (error) {
        await backend.close()
        throw error
      }
    },
    close: (scene, limitMs) =>
      withLimit(scene.backend.clock, limitMs, 'closing', async () => {
        try {
          await scene.close()
        } finally {
          await scene.backend.close()
        }
        equal(scene.backend.report().leaks, [], 'what the backend reports as leaked')
      }),
    abandon: (scene) => void scene.backend.close().catch(() => undefined),
    end: async () => [],
  }
}

/** Cases share a backend, for backends that open slowly; each has a process and a device. */
export function sharedBackend(open: () => Promise<Backend>): SceneSource {
  let shared: Promise<Backend> | undefined
  const get = (): Promise<Backend> => (shared ??= open())
  return {
    open: async () => Scene.open(await get(), open),
    close: (scene, limitMs) =>
      withLimit(scene.backend.clock, limitMs, 'closing', () => scene.close()),
    abandon: (scene) => {
      shared = undefined
      void scene.backend.close().catch(() => undefined)
    },
    end: async () => {
      const backend = await shared
      shared = undefined
      await backend?.close()
      return backend?.report().leaks ?? []
    },
  }
}
