import type { WorkQueue } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { withScene } from '../parts/scene.js'

interface Driver {
  /** The processes of now. */
  readonly processes: Set<string>
  /** What is in sysfs; a name is there once. */
  readonly objects: Set<string>
  /** Releases processes that are gone. */
  readonly queue: WorkQueue
}
/** Makes the object of a process that has none. */
type Variant = (driver: Driver, name: string) => Promise<void>

const faulty: Variant = async (driver, name) => {
  if (driver.processes.has(name)) return
  add(driver, name)
}

const fixed: Variant = async (driver, name) => {
  if (driver.processes.has(name)) return
  await driver.queue.flush()
  add(driver, name)
}

function add({ processes, objects }: Driver, name: string): void {
  if (objects.has(name)) throw new Error(`EEXIST: the object of ${name} is still in sysfs`)
  objects.add(name)
  processes.add(name)
}

export default defineBug<Variant>({
  id: 'process-created-too-early',
  about:
    'After exec the object of a process is made anew while the work that removes the old one has ' +
    'not run: the name is taken, and the debugger cannot attach.',
  upstream: {
    subject: 'drm/amdkfd: Flush the process wq before creating a kfd_process',
    commit: 'f5b9053398e7',
  },
  level: 'sync',
  mirror: {
    answer: 'found by exploration',
    because: 'a mirror is made and closed per address space; names of a driver are its own',
    evidence: ['run', 'case:events/release/exec'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device }) => {
      const queue = device.sync.workQueue('process')
      const lock = device.sync.mutex('processes')
      const driver: Driver = { processes: new Set(['p']), objects: new Set(['p']), queue }
      await world.race({
        exec: () =>
          lock.run(() => {
            driver.processes.delete('p')
            queue.queue(() => lock.run(() => void driver.objects.delete('p')))
          }),
        debugger: async () => {
          await lock.run(() => undefined)
          await variant(driver, 'p')
        },
      })
      await queue.flush()
    }),
})
