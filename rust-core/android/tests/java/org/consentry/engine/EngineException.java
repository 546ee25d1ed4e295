package org.consentry.engine;

/** The app's class of this name, as the library sees it. */
class EngineException extends RuntimeException {
    final String code;

    EngineException(String code, String message) {
        super(message);
        this.code = code;
    }
}
