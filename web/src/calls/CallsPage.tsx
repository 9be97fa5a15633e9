// Calls: the live ones on a wall, then the history, then those that were not taken.
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { AudioLines, PhoneCall, PhoneIncoming, PhoneMissed } from 'lucide-react'
import { useTranslation } from '@/i18n'
import type { Call } from '@/api/model'
import { callsQuery } from '@/api/queries'
import { dateAndTime, duration, full, number } from '@/i18n/format'
import { Avatar } from '@/ui/Avatar'
import { Button } from '@/ui/Button'
import { cx } from '@/ui/cx'
import { Bone, Empty, Loading, Trouble } from '@/ui/State'
import { useNow } from '@/ui/useNow'
import { Who } from '@/ui/Who'
import { LiveCallCard } from './LiveCallCard'
import { outcomeWords, reasonWords } from './outcome'

export default function CallsPage() {
  const { t } = useTranslation()
  const { list = 'ended' } = useSearch({ from: '/app/calls' })
  return (
    <div className="scroll-thin h-full overflow-y-auto bg-surface">
      <div className="mx-auto max-w-5xl px-4 pb-24 sm:px-6">
        <Wall />
        <section aria-label={t('calls.history')} className="mt-8">
          <div role="tablist" aria-label={t('calls.history')} className="flex gap-1 border-b">
            <Tab list="ended" active={list === 'ended'}>
              {t('calls.history')}
            </Tab>
            <Tab list="not_taken" active={list === 'not_taken'}>
              {t('calls.not_taken')}
            </Tab>
          </div>
          <div role="tabpanel" aria-label={list === 'ended' ? t('calls.history') : t('calls.not_taken')}>
            <History key={list} list={list} />
          </div>
        </section>
      </div>
    </div>
  )
}

function Tab({ list, active, children }: { list: 'ended' | 'not_taken'; active: boolean; children: React.ReactNode }) {
  return (
    <Link
      to="/calls"
      search={{ list: list === 'ended' ? undefined : list }}
      role="tab"
      aria-selected={active}
      className={cx('-mb-px flex h-9 items-center border-b-2 px-3 text-sm', active ? 'border-ink font-medium' : 'border-transparent text-ink-2 hover:text-ink')}
    >
      {children}
    </Link>
  )
}

function Wall() {
  const { t } = useTranslation()
  const query = useInfiniteQuery(callsQuery('live'))
  const calls = query.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <section aria-labelledby="wall">
      <div className="flex h-13 items-center gap-2">
        <h1 id="wall" className="text-lg font-semibold">
          {t('calls.live')}
        </h1>
        {calls.length > 0 && <span className="text-sm text-ink-3 tabular-nums">{number(calls.length)}</span>}
      </div>
      {query.isPending ? (
        <Loading>
          <div className="grid gap-3 sm:grid-cols-2">
            <Bone className="h-44 w-full" />
            <Bone className="h-44 w-full max-sm:hidden" />
          </div>
        </Loading>
      ) : query.isError && !query.data ? (
        <Trouble error={query.error} retry={() => void query.refetch()} className="mx-0" />
      ) : calls.length === 0 ? (
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2 rounded border border-dashed border-line-strong px-4 py-5">
          <AudioLines className="size-5 text-ink-3" aria-hidden />
          <p className="min-w-52 flex-1 text-sm text-ink-2">{t('calls.quiet')}</p>
          <Link to="/phone" className="inline-flex h-8 items-center gap-1.5 rounded border border-line-strong px-3 text-sm font-medium hover:bg-hover">
            <PhoneCall className="size-4" aria-hidden />
            {t('calls.try')}
          </Link>
        </div>
      ) : (
        <ul className="grid gap-3 md:grid-cols-2 xl:grid-cols-3" data-testid="wall">
          {calls.map((call) => (
            <li key={call.id}>
              <LiveCallCard call={call} />
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function History({ list }: { list: 'ended' | 'not_taken' }) {
  const { t } = useTranslation()
  const query = useInfiniteQuery(callsQuery(list))
  const now = useNow(60_000)
  if (query.isPending) {
    return (
      <Loading>
        {Array.from({ length: 6 }, (_, n) => (
          <div key={n} className="flex h-15 items-center gap-3 border-b">
            <Bone className="size-8 rounded-full" />
            <Bone className="h-3 flex-1" />
            <Bone className="h-3 w-16" />
          </div>
        ))}
      </Loading>
    )
  }
  if (query.isError && !query.data) return <Trouble error={query.error} retry={() => void query.refetch()} className="mx-0" />
  const calls = query.data.pages.flatMap((page) => page.items)
  if (calls.length === 0) {
    return (
      <div className="h-64">
        <Empty icon={list === 'ended' ? <PhoneIncoming /> : <PhoneMissed />} title={t(`calls.none_${list}`)}>
          {t(`calls.none_${list}_help`)}
        </Empty>
      </div>
    )
  }
  return (
    <>
      <ul data-testid="history">
        {calls.map((call) => (
          <li key={call.id} className="border-b">
            <Row call={call} now={now} />
          </li>
        ))}
      </ul>
      {query.hasNextPage && (
        <Button className="mx-auto mt-4 flex" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {query.isFetchingNextPage ? t('common.loading') : t('common.more')}
        </Button>
      )}
    </>
  )
}

function Row({ call, now }: { call: Call; now: number }) {
  const { t } = useTranslation()
  const missed = call.state === 'not_taken'
  return (
    <Link to="/calls/$callId" params={{ callId: call.id }} preload="intent" className="inset-focus flex items-center gap-3 rounded-none px-1 py-2.5 hover:bg-hover">
      <Avatar id={call.contact?.id ?? call.id} name={call.contact?.name ?? null} />
      <div className="min-w-0 flex-1">
        <p className="flex items-baseline gap-2">
          <span className="truncate text-sm font-medium"><Who name={call.contact?.name} address={call.from_address} /></span>
          <span className="truncate text-xs text-ink-3 max-sm:hidden">{missed ? '' : reasonWords(call.outcome)}</span>
        </p>
        <p className="truncate text-sm text-ink-2">
          {missed ? (
            <>
              {outcomeWords(call, t)}
              {call.fallback && ` · ${t(`fallback.${call.fallback as 'voicemail'}`, { defaultValue: call.fallback })}`}
            </>
          ) : (
            <bdi>{call.summary ?? outcomeWords(call, t)}</bdi>
          )}
        </p>
      </div>
      <div className="shrink-0 text-end text-xs text-ink-3 tabular-nums">
        <time className="block" dateTime={call.started_at} title={full(call.started_at)}>
          {dateAndTime(call.started_at, now)}
        </time>
        {call.duration_ms !== null && <span className="block">{duration(call.duration_ms)}</span>}
      </div>
    </Link>
  )
}
