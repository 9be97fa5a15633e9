// The page's one live feed.
import { queries } from '@/api/queries'
import { LiveDriver } from './driver'

export const live = new LiveDriver(queries)
