import { ENTRY_ORDER_MASK, ENTRY_ORDER_SHIFT } from '../../entry.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const ordersLost: BrokenBackend = {
  name: 'orders-lost',
  breaks: 'a range fault says of huge pages that they are small ones',
  caughtBy: 'range-fault/hugetlb/order',
  wrap: (raw) =>
    decorate(raw, {
      mirror: (mirror) => ({
        fault: async (request, wait) => {
          const sequence = await mirror.fault(request, wait)
          const { entries } = request
          for (let high = 1; high < entries.length; high += 2) {
            entries[high]! &= ~(ENTRY_ORDER_MASK << ENTRY_ORDER_SHIFT)
          }
          return sequence
        },
      }),
    }),
}
