import { library } from '../../tsup.base.ts'

export default library([
  'src/index.ts',
  'src/explore/index.ts',
  'src/cli/cli.ts',
  'src/cli/worker.ts',
])
