package org.consentry.ui

import org.consentry.R
import org.consentry.engine.AlwaysOn
import org.consentry.engine.EngineState
import org.junit.Test

/** Pictures of gaps, wherever they show, and of the help against them. */
class HealthPicturesTest : PictureTest() {
    private val afterGap: EngineState get() = Scene.afterGap.copy(alwaysOn = AlwaysOn(on = true, lockdown = false))

    @Test
    fun homeAfterAGap() = inAllWays("home-attention", afterGap, tab(MainActivity.HOME))

    @Test
    fun healthAfterAGap() = inAllWays("health-gaps", afterGap, tab(MainActivity.HEALTH))

    @Test
    fun healthWithoutGaps() = inOneWay(plain, "health-no-gaps", Scene.quiet.copy(coverage = Scene.noGaps), tab(MainActivity.HEALTH))

    @Test
    fun logWithGaps() = inSomeWays("log-gaps", afterGap) {
        openMain(MainActivity.LOG).apply { scroll(view(R.id.log_list), 7) }.decor
    }

    @Test
    fun gaps() {
        inAllWays("gaps", afterGap) { open(GapsActivity::class.java).get().decor }
        inOneWay(plain, "gaps-none", Scene.quiet.copy(coverage = Scene.noGaps)) { open(GapsActivity::class.java).get().decor }
    }

    @Test
    fun help() {
        for (help in Help.entries) {
            inSomeWays("help-${help.name.lowercase()}", Scene.quiet) {
                open(HelpActivity::class.java, HelpActivity.intent(app, help)).get().decor
            }
        }
    }
}
