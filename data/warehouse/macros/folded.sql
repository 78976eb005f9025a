-- A text as it is searched, and a search as it is looked for: small letters without their accents, so that "jose" finds
-- José and "lukasz" Łukasz. The same as data.folding, letter for letter: a search is folded there, what it finds here.
-- A text of as many bytes as letters has none but plain ones, and is done in a fifth of the time.
create or replace macro folded(words) as
    case
        when strlen(words) = length(words) then lower(words)
        else replace(
            replace(replace(translate(strip_accents(lower(words)), 'øłđðħıς', 'olddhiσ'), 'ß', 'ss'), 'æ', 'ae'),
            'œ', 'oe'
        )
    end
