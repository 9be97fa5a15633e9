// What went wrong, said once, in the corner.
import { X } from 'lucide-react'
import { useTranslation } from '@/i18n'
import { IconButton } from '@/ui/Button'
import { useProblem } from '@/ui/State'
import { dismiss, useComplaints } from './complaints'

export function Complaints() {
  const items = useComplaints((state) => state.items)
  return (
    <div aria-live="assertive" className="pointer-events-none fixed inset-x-4 bottom-16 z-50 flex flex-col items-end gap-2 sm:bottom-4">
      {items.map(({ id, error }) => (
        <Complaint key={id} id={id} error={error} />
      ))}
    </div>
  )
}

function Complaint({ id, error }: { id: number; error: unknown }) {
  const { t } = useTranslation()
  return (
    <div className="appear pointer-events-auto flex max-w-sm items-center gap-2 rounded bg-raised py-1.5 ps-3 pe-1.5 text-sm shadow-float">
      <p className="flex-1">{useProblem(error)}</p>
      <IconButton label={t('common.close')} icon={<X className="size-4" />} onClick={() => dismiss(id)} />
    </div>
  )
}
