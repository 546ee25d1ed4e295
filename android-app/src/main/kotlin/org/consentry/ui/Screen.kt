package org.consentry.ui

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Context
import android.content.Intent
import android.content.res.Configuration
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.view.View
import android.widget.TextView
import android.widget.Toast
import java.util.Locale
import org.consentry.R
import org.consentry.engine.EngineFailure
import org.consentry.engine.Subscription
import org.consentry.vpn.TurnOn

/** What all screens have in common: theme, edge to edge, and what they observe while they are shown. */
abstract class Screen : Activity() {
    /** What there is to show. */
    protected val model: ConsentryModel by lazy { ConsentryModel.of(this) }

    /** Times as the owner reads them. */
    val times: Times by lazy { Times(this) { model.nowMs } }

    /** Attempts in plain words. */
    val words: AttemptWords by lazy { AttemptWords(this) }

    /** The names of apps. */
    val labels: AppLabels by lazy { AppLabels.of(this) }

    /** Asks for the phone's screen lock. */
    val lock: ScreenLock by lazy { ScreenLock(this, model) }

    private var shownLook: Remembered? = null
    private val subscriptions = ArrayList<Subscription>()

    override fun attachBaseContext(base: Context) = super.attachBaseContext(Look.themed(base))

    override fun onCreate(savedInstanceState: Bundle?) {
        shownLook = Preferences.of(this).now
        setTheme(Look.style(shownLook))
        super.onCreate(savedInstanceState)
        Insets.edgeToEdge(window)
        if (shownLook == null) Preferences.of(this).whenRead(::lookIs)
    }

    override fun onStart() {
        super.onStart()
        Preferences.of(this).now?.let(::lookIs)
        onObserve()
    }

    override fun onStop() {
        subscriptions.forEach { it.end() }
        subscriptions.clear()
        super.onStop()
    }

    /** The screen comes into view: it calls [whileShown] for what it wants to watch. */
    protected open fun onObserve() = Unit

    /** Ends with the screen's being shown. */
    fun whileShown(subscription: Subscription) {
        subscriptions += subscription
    }

    /** The look has been read, or changed on another screen. */
    private fun lookIs(look: Remembered) {
        val before = shownLook ?: Remembered()
        shownLook = look
        val isSame = look.theme == before.theme && look.wallpaperColours == before.wallpaperColours &&
            look.language == before.language
        if (!isDestroyed && !isSame) recreate()
    }

    /** The owner turns protection on: Android may have to ask first. */
    fun turnOn() {
        when (val answer = model.turnOn()) {
            is TurnOn.AskOwner -> try {
                startActivityForResult(answer.question, ASK_FOR_VPN)
            } catch (_: ActivityNotFoundException) {
                // A few systems come without Android's question: they have no VPN.
                model.permissionRefused()
            }
            TurnOn.Started -> onStarted()
            TurnOn.LockedByAnotherVpn, TurnOn.Refused -> Unit
        }
    }

    @Deprecated("The framework's own activity has no other way")
    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        super.onActivityResult(requestCode, resultCode, data)
        when (requestCode) {
            ASK_FOR_VPN -> vpnAnswered(resultCode)
            ScreenLock.REQUEST -> lock.answered(resultCode == RESULT_OK)
            in FIRST_DOCUMENT..LAST_DOCUMENT -> data?.data?.takeIf { resultCode == RESULT_OK }
                ?.let { onDocument(requestCode - FIRST_DOCUMENT, it) }
        }
    }

    private fun vpnAnswered(resultCode: Int) {
        if (resultCode == RESULT_OK) {
            turnOn()
        } else {
            model.permissionRefused()
        }
        onVpnAnswered(resultCode == RESULT_OK)
    }

    /** Android's question about the VPN was answered. */
    protected open fun onVpnAnswered(allowed: Boolean) = Unit

    /**
     * Lets the owner choose where a new file goes; [onDocument] is told. Nothing but the number is kept, so that the answer
     * finds its way after the process has ended, too.
     *
     * @param what which of the screen's files, from 0 to 9
     */
    fun askWhereTo(what: Int, type: String, name: String) = askForDocument(
        what,
        Intent(Intent.ACTION_CREATE_DOCUMENT).setType(type).putExtra(Intent.EXTRA_TITLE, name),
    )

    /** Lets the owner choose a file to read; [onDocument] is told. */
    fun askWhich(what: Int, type: String) = askForDocument(what, Intent(Intent.ACTION_OPEN_DOCUMENT).setType(type))

    private fun askForDocument(what: Int, question: Intent) = try {
        startActivityForResult(question.addCategory(Intent.CATEGORY_OPENABLE), FIRST_DOCUMENT + what)
    } catch (_: ActivityNotFoundException) {
        Toast.makeText(this, R.string.no_file_chooser, Toast.LENGTH_LONG).show()
    }

    /** A file was chosen. */
    protected open fun onDocument(what: Int, file: Uri) = Unit

    /** Protection is starting, as the owner wished. */
    protected open fun onStarted() = askForNotifications()

    /** Once: whoever refuses is not asked again. */
    protected fun askForNotifications() {
        val preferences = Preferences.of(this)
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.TIRAMISU || preferences.now?.askedForNotifications != false) return
        preferences.change { it.copy(askedForNotifications = true) }
        requestPermissions(arrayOf(android.Manifest.permission.POST_NOTIFICATIONS), ASK_FOR_NOTIFICATIONS)
    }

    /** Opens the first of these pages of the system's that exists. */
    fun openFirst(pages: List<Intent>) {
        for (page in pages) {
            try {
                startActivity(page)
                return
            } catch (_: ActivityNotFoundException) {
                // The next one.
            } catch (_: SecurityException) {
                // Some makers keep a page to themselves.
            }
        }
        Toast.makeText(this, R.string.no_settings_page, Toast.LENGTH_LONG).show()
    }

    /** Hands a text to another app of the owner's choice. */
    fun share(text: String, subject: String? = null) {
        val send = Intent(Intent.ACTION_SEND).setType("text/plain").putExtra(Intent.EXTRA_TEXT, text)
        if (subject != null) send.putExtra(Intent.EXTRA_SUBJECT, subject)
        startActivity(Intent.createChooser(send, null))
    }

    /** Whether the text is so large that rows become two lines and buttons stack. */
    val isTextLarge: Boolean get() = resources.configuration.fontScale >= LARGE_TEXT

    /** One plain sentence about what could not be done. */
    fun sentence(failure: EngineFailure): String = failure.text(this)

    companion object {
        /** From this font scale on rows become two lines. */
        const val LARGE_TEXT = 1.3f

        private const val ASK_FOR_VPN = 1
        private const val ASK_FOR_NOTIFICATIONS = 2
        private const val FIRST_DOCUMENT = 10
        private const val LAST_DOCUMENT = 19
    }
}

/** Light or dark, and which colours. */
internal object Look {
    /** The style for the owner's wish. */
    fun style(wish: Remembered?): Int =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S && (wish ?: Remembered()).wallpaperColours) {
            R.style.Theme_Consentry_Dynamic
        } else {
            R.style.Theme_Consentry
        }

    /** A context that is light or dark, and in the language, as the owner wishes. */
    fun themed(base: Context): Context {
        val wish = Preferences.of(base.applicationContext ?: base).now ?: Remembered()
        val before = base.resources.configuration
        val changes = Configuration()
        val night = when (wish.theme) {
            Theme.PHONE -> null
            Theme.LIGHT -> Configuration.UI_MODE_NIGHT_NO
            Theme.DARK -> Configuration.UI_MODE_NIGHT_YES
        }
        if (night != null) changes.uiMode = before.uiMode and Configuration.UI_MODE_NIGHT_MASK.inv() or night
        val locale = Languages.wished(wish)
        if (locale != null) changes.setLocale(locale)
        // Numbers are written as the words are.
        Locale.setDefault(locale ?: before.locales[0])
        return if (night == null && locale == null) base else base.createConfigurationContext(changes)
    }
}

/** Makes a text a heading for screen readers. */
fun TextView.asHeading() {
    if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) {
        isAccessibilityHeading = true
    } else {
        contentDescription = context.getString(R.string.heading, text)
    }
}

/** A colour of the theme. */
fun Context.colour(attribute: Int): Int {
    val styled = obtainStyledAttributes(intArrayOf(attribute))
    try {
        return styled.getColor(0, 0)
    } finally {
        styled.recycle()
    }
}

/** Shown, or gone. */
var View.isShownHere: Boolean
    get() = visibility == View.VISIBLE
    set(value) {
        visibility = if (value) View.VISIBLE else View.GONE
    }
