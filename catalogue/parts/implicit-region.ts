import type { Completion, IntervalNotifier, WorkQueue } from '@hmm-sdk/hmm-api'
import type { World } from '@hmm-sdk/backend-sim/explore'
import type { Allocation } from './heap.js'
import { Reference } from './reference.js'
import { withScene, type Scene } from './scene.js'

/** A piece of an implicit region, made on a fault. */
export interface Child {
  readonly index: number
  readonly memory: Allocation
}

/** A region of all of a process, whose children come with faults and go when they are empty. */
export interface ImplicitRegion {
  /** Held by its user, and by every work that uses it. */
  readonly parent: Reference
  readonly isIdle: Completion
  readonly children: Map<number, Child>
  readonly queue: WorkQueue
  /** Destroys a child. */
  release(child: Child): Promise<void>
}

/** Called by the invalidate callback for a child that is empty. */
export type ChildVariant = (region: ImplicitRegion, child: Child) => void

/** Runs `run` with a region that has one child, and takes down what is left of it. */
export function withChildren(
  world: World,
  variant: ChildVariant,
  run: (scene: Scene & ImplicitRegion & { drain(): Promise<void> }) => Promise<void>,
): Promise<void> {
  return withScene(world, async (scene) => {
    const { device, space, buffer, heap } = scene
    const child: Child = { index: 0, memory: heap.alloc('child') }
    const isIdle = device.sync.completion('parent is idle')
    const region: ImplicitRegion = {
      parent: new Reference('parent', () => isIdle.complete()),
      isIdle,
      children: new Map([[child.index, child]]),
      queue: device.sync.workQueue('destroy'),
      release: async (each) => each.memory.free(),
    }
    const notifier: IntervalNotifier = await device.notifier(space, buffer, {
      invalidate: () => variant(region, child),
    })
    const drain = async (): Promise<void> => {
      await region.queue.flush()
      await notifier.close()
      if (!child.memory.isFreed) child.memory.free()
    }
    await run({ ...scene, ...region, drain })
  })
}
