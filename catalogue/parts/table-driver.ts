import {
  HmmError,
  type InvalidateEvent,
  type IntervalNotifier,
  type Mutex,
  type VirtualRange,
} from '@hmm-sdk/hmm-api'
import { DeviceTable } from './device-table.js'
import type { Scene } from './scene.js'

/** What a driver with a page table is made of. */
export interface TableParts {
  readonly notifier: IntervalNotifier
  readonly table: DeviceTable
  /** What the driver holds while it prepares a change of the table. */
  readonly lock: Mutex
  readonly scene: Scene
}

/** A driver that fills a page table on device faults and clears it on invalidations. */
export interface TableDriver {
  /** Makes one page usable for the device. */
  fault(page: VirtualRange, access: 'read' | 'write'): Promise<void>
  invalidate(event: InvalidateEvent): void
}
export type TableVariant = (parts: TableParts) => TableDriver

/** A driver that runs, and the device that faults. */
export class Table {
  readonly driver: TableDriver
  readonly table: DeviceTable
  readonly notifier: IntervalNotifier

  private constructor(parts: TableParts, variant: TableVariant) {
    this.driver = variant(parts)
    this.table = parts.table
    this.notifier = parts.notifier
  }

  static async open(scene: Scene, variant: TableVariant): Promise<Table> {
    const opened: { table?: Table } = {}
    const notifier = await scene.device.notifier(scene.space, scene.buffer, {
      invalidate: (event) => opened.table?.driver.invalidate(event),
    })
    const lock = scene.device.sync.mutex('table')
    const table = new Table({ notifier, table: new DeviceTable(scene), lock, scene }, variant)
    opened.table = table
    return table
  }

  /** The device uses a page, and faults until it can; memory that is gone ends it. */
  async use(page: VirtualRange, access: 'read' | 'write'): Promise<void> {
    for (let tries = 0; tries < 3; tries++) {
      if (await this.table.access(page, access)) return
      try {
        await this.driver.fault(page, access)
      } catch (error) {
        if (HmmError.is(error) && (error.code === 'EFAULT' || error.code === 'EPERM')) return
        throw error
      }
    }
  }

  close(): Promise<void> {
    return this.notifier.close()
  }
}
