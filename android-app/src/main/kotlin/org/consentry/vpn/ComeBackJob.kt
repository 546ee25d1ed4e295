package org.consentry.vpn

import android.app.job.JobInfo
import android.app.job.JobParameters
import android.app.job.JobScheduler
import android.app.job.JobService
import android.content.ComponentName
import android.content.Context
import org.consentry.ConsentryApp

/**
 * Looks now and then whether protection is there, as long as the owner wants it: a maker's battery saver may end the process
 * and forget what Android promised to start again. Costs nothing while protection runs. An app that the owner has made the VPN may
 * start its service from the background; where a maker sees that otherwise, the owner is told.
 */
class ComeBackJob : JobService() {
    override fun onStartJob(params: JobParameters): Boolean {
        val app = ConsentryApp.of(this)
        if (app.engine.state.value.protection.isActive) app.engine.heartbeat() else app.protection.comeBack()
        return false
    }

    override fun onStopJob(params: JobParameters): Boolean = false

    companion object {
        private const val ID = 1

        /** Android allows no shorter period. */
        private const val EVERY_MS = 15 * 60 * 1000L

        /** From now on, after a restart of the phone, too. */
        fun schedule(context: Context) {
            val jobs = context.getSystemService(JobScheduler::class.java)
            if (jobs.getPendingJob(ID) != null) return
            val job = JobInfo.Builder(ID, ComponentName(context, ComeBackJob::class.java))
            jobs.schedule(job.setPeriodic(EVERY_MS).setPersisted(true).build())
        }

        /** No longer. */
        fun cancel(context: Context) = context.getSystemService(JobScheduler::class.java).cancel(ID)
    }
}
