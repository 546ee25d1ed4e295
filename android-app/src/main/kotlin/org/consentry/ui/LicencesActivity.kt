package org.consentry.ui

import android.os.Bundle
import org.consentry.R

/** Whose work the app is built from, and on which terms. */
class LicencesActivity : PageScreen(R.string.licence) {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        rows.head(getString(R.string.app_name))
        rows.prose(words(R.string.licence_own))
        rows.head(words(R.string.libraries))
        // One line each, as the build's own tool lists them: name, version, licence.
        resources.openRawResource(R.raw.libraries).bufferedReader().useLines { lines ->
            for (line in lines.filter { it.isNotBlank() }) {
                val (name, licence) = line.split('\t').let { it[0] to it.getOrElse(1) { "" } }
                rows.fact(name).second = licence
            }
        }
        rows.place()
    }
}
