import { library } from '../../tsup.base.ts'

export default library([
  'src/index.ts',
  'src/conformance/index.ts',
  'src/raw/index.ts',
  'src/config/index.ts',
])
