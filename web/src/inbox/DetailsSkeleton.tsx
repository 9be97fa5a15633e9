// The person beside the conversation, before they are there.
import { Bone, Loading } from '@/ui/State'

export function DetailsSkeleton() {
  return (
    <Loading>
      <div className="space-y-3 p-4">
        <Bone className="size-12 rounded-full" />
        <Bone className="h-3 w-32" />
        <Bone className="h-20 w-full" />
      </div>
    </Loading>
  )
}
