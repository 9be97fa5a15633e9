// Work in the background that was given up: what it was, why it failed, and what to do with it.
import { useInfiniteQuery, useMutation } from '@tanstack/react-query'
import { CheckCheck, RotateCw, Trash2, TriangleAlert } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from '@/i18n'
import { api } from '@/api/client'
import type { DeadJob } from '@/api/model'
import { deadJobsQuery, queries } from '@/api/queries'
import { dateAndTime } from '@/i18n/format'
import { keys } from '@/live/patch'
import { complain } from '@/shell/complaints'
import { Button, IconButton } from '@/ui/Button'
import { Confirm } from '@/ui/Dialog'
import { Bone, Empty, Loading, Trouble } from '@/ui/State'
import { useNow } from '@/ui/useNow'
import { AdminsOnly, Page } from './Page'
import { useAdmin } from './SettingsPage'

export default function JobsPage() {
  const { t } = useTranslation()
  const admin = useAdmin()
  return (
    <Page title={t('place.jobs')} about={t('settings.jobs.about')}>
      {admin ? <List /> : <AdminsOnly />}
    </Page>
  )
}

function List() {
  const { t } = useTranslation()
  const query = useInfiniteQuery(deadJobsQuery)
  if (query.isPending) {
    return (
      <Loading>
        <div className="space-y-3">
          <Bone className="h-12 w-full" />
          <Bone className="h-12 w-full" />
        </div>
      </Loading>
    )
  }
  if (query.isError) return <Trouble error={query.error} retry={() => void query.refetch()} className="mx-0" />
  const jobs = query.data.pages.flatMap((page) => page.items)
  if (jobs.length === 0) {
    return (
      <div className="h-56 border-t">
        <Empty icon={<CheckCheck />} title={t('settings.jobs.none')}>
          {t('settings.jobs.none_help')}
        </Empty>
      </div>
    )
  }
  return (
    <>
      <ul className="border-t" data-testid="dead-jobs">
        {jobs.map((job) => (
          <Row key={job.id} job={job} />
        ))}
      </ul>
      {query.hasNextPage && (
        <Button className="mt-4" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {t('common.more')}
        </Button>
      )}
    </>
  )
}

function Row({ job }: { job: DeadJob }) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  const [open, setOpen] = useState(false)
  const [leaving, setLeaving] = useState(false)
  const name = t(`settings.jobs.kind.${job.kind.replace('.', '_') as 'message_send'}`, { defaultValue: job.kind })
  const path = { params: { path: { id: job.id } } }
  const onSuccess = () => queries.invalidateQueries({ queryKey: keys.deadJobs })
  const replay = useMutation({ mutationFn: () => api.POST('/api/v1/jobs/{id}/replay', path), onSuccess, onError: complain })
  const discard = useMutation({ mutationFn: () => api.DELETE('/api/v1/jobs/{id}', path), onSuccess, onError: complain })
  const busy = replay.isPending || discard.isPending
  return (
    <li data-job={job.id} className="border-b py-2.5">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <TriangleAlert className="size-4 shrink-0 text-ink-3" aria-hidden />
        <div className="min-w-48 flex-1">
          <p className="text-sm font-medium">{name}</p>
          <p className="text-xs text-ink-3">
            {t(`settings.jobs.queue.${job.queue}`)} · {t('settings.jobs.tried', { count: job.attempts })}
            {job.finished_at && <> · {t('settings.jobs.given_up', { date: dateAndTime(job.finished_at, now) })}</>}
          </p>
        </div>
        <div className="flex items-center gap-1 max-sm:ps-7">
          <Button size="sm" kind="quiet" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? t('settings.jobs.hide') : t('settings.jobs.show')}
          </Button>
          <Button
            size="sm"
            icon={<RotateCw className="size-3.5" />}
            disabled={busy}
            aria-label={t('settings.jobs.replay_named', { name })}
            onClick={() => replay.mutate()}
          >
            {t('settings.jobs.replay')}
          </Button>
          <IconButton label={t('settings.jobs.discard_named', { name })} icon={<Trash2 className="size-4" />} disabled={busy} onClick={() => setLeaving(true)} />
        </div>
      </div>
      {open && <Details job={job} now={now} />}
      <Confirm
        open={leaving}
        onClose={() => setLeaving(false)}
        onConfirm={() => discard.mutate()}
        title={t('settings.jobs.discard_title', { name })}
        description={t('settings.jobs.discard_help')}
        confirm={t('settings.jobs.discard')}
      />
    </li>
  )
}

function Details({ job, now }: { job: DeadJob; now: number }) {
  const { t } = useTranslation()
  return (
    <dl className="appear mt-2 ps-7 text-xs">
      <dt className="font-medium">{t('settings.jobs.error')}</dt>
      <dd className="mt-1">{job.last_error ? <Code label={t('settings.jobs.error')}>{job.last_error}</Code> : <span className="text-ink-2">{t('settings.jobs.no_error')}</span>}</dd>
      <dt className="mt-3 font-medium">{t('settings.jobs.payload')}</dt>
      <dd className="mt-1">
        <Code label={t('settings.jobs.payload')}>{JSON.stringify(job.payload, null, 2)}</Code>
      </dd>
      <dd className="mt-2 text-ink-3">
        {t('settings.jobs.wanted', { date: dateAndTime(job.created_at, now) })} · <code dir="ltr">{job.kind}</code>
      </dd>
    </dl>
  )
}

/** Machine words: never mirrored, broken where they must be, scrolled when they are many. */
function Code({ label, children }: { label: string; children: string }) {
  return (
    // Scrolls on its own, so the keyboard must reach it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <pre dir="ltr" tabIndex={0} role="group" aria-label={label} className="scroll-thin max-h-56 overflow-auto rounded border bg-sunken p-3 font-mono text-xs leading-5 break-words whitespace-pre-wrap">
      {children}
    </pre>
  )
}
